//! Reads the fields of a JSON object: each is taken once, what is left over is unknown, and every fault is collected with the
//! path of its field, so that a client learns of all of them at once.

use std::{cell::RefCell, fmt::Display, ops::RangeInclusive};

use serde_json::{Map, Value, json};

use super::ApiError;

/// Longest text of a field, in bytes, where nothing else bounds it.
const MAX_TEXT: usize = 8 * 1024;
/// Longest list.
const MAX_ITEMS: usize = 1000;

/// Faults found so far.
#[derive(Default)]
pub(crate) struct Faults(RefCell<Vec<Fault>>);

struct Fault {
    code: &'static str,
    field: String,
    message: String,
}

/// The fields of one object that were not taken yet.
pub(crate) struct Fields<'f> {
    left: Map<String, Value>,
    path: String,
    faults: &'f Faults,
}

impl Faults {
    /// The fields of a whole body.
    pub(crate) fn body(&self, body: Value) -> Fields<'_> {
        let left = match body {
            Value::Object(fields) => fields,
            _ => {
                self.push("INVALID_JSON", String::new(), "the body must be a JSON object");
                Map::new()
            }
        };
        Fields { left, path: String::new(), faults: self }
    }

    /// Notes a fault.
    pub(crate) fn push(&self, code: &'static str, field: String, message: impl Into<String>) {
        self.0.borrow_mut().push(Fault { code, field, message: message.into() });
    }

    /// `value`, or what is wrong with it.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, ApiError> {
        match value {
            Some(value) if self.0.borrow().is_empty() => Ok(value),
            _ => Err(self.refuse()),
        }
    }

    /// The refusal: the first fault in front, all of them in the details.
    pub(crate) fn refuse(self) -> ApiError {
        let faults = self.0.into_inner();
        let first = faults.first().expect("nothing is refused without a fault");
        let message =
            if first.field.is_empty() { first.message.clone() } else { format!("{} {}", first.field, first.message) };
        let all: Vec<Value> =
            faults.iter().map(|fault| json!({"field": fault.field, "message": fault.message})).collect();
        ApiError::field(first.code, &first.field, message).detail("faults", all)
    }
}

impl<'f> Fields<'f> {
    /// The path of the object itself.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The path of one of the fields.
    pub(crate) fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Notes a fault of one of the fields.
    pub(crate) fn fault(&self, code: &'static str, name: &str, message: impl Into<String>) {
        self.faults.push(code, self.at(name), message);
    }

    /// Notes that a required field is not there.
    pub(crate) fn missing(&self, code: &'static str, name: &str) {
        self.fault(code, name, "is required");
    }

    /// Whether the field is there; `null` is as good as absent.
    pub(crate) fn has(&mut self, name: &str) -> bool {
        if self.left.get(name).is_some_and(Value::is_null) {
            self.left.shift_remove(name);
        }
        self.left.contains_key(name)
    }

    /// The field as it is, without taking it.
    pub(crate) fn peek(&self, name: &str) -> Option<&Value> {
        self.left.get(name)
    }

    /// The field as it is.
    pub(crate) fn value(&mut self, name: &str) -> Option<Value> {
        self.left.shift_remove(name).filter(|value| !value.is_null())
    }

    /// A string that is not empty.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        match self.value(name)? {
            Value::String(text) if text.len() > MAX_TEXT => self.wrong(name, "must not be longer than 8192 bytes"),
            Value::String(text) if text.trim().is_empty() => self.wrong(name, "must not be empty"),
            Value::String(text) => Some(text),
            _ => self.wrong(name, "must be a string"),
        }
    }

    /// A string that must be there.
    pub(crate) fn required(&mut self, name: &str) -> Option<String> {
        if !self.has(name) {
            self.missing("MISSING_REQUIRED_FIELD", name);
        }
        self.text(name)
    }

    /// A string that `parse` takes.
    pub(crate) fn parsed<T, E: Display>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let text = self.text(name)?;
        parse(&text).map_err(|error| self.fault("INVALID_FIELD", name, error.to_string())).ok()
    }

    /// A list of strings; absent: empty.
    pub(crate) fn texts(&mut self, name: &str) -> Vec<String> {
        let Some(items) = self.items(name, MAX_ITEMS) else { return Vec::new() };
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            match item {
                Value::String(text) if !text.trim().is_empty() && text.len() <= MAX_TEXT => texts.push(text),
                _ => self.fault("INVALID_FIELD", &format!("{name}[{index}]"), "must be a string of 1 to 8192 bytes"),
            }
        }
        texts
    }

    /// A list of strings, each of which `parse` takes; absent: empty.
    pub(crate) fn each<T, E: Display>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, E>) -> Vec<T> {
        let mut parsed = Vec::new();
        for (index, text) in self.texts(name).into_iter().enumerate() {
            match parse(&text) {
                Ok(value) => parsed.push(value),
                Err(error) => self.fault("INVALID_FIELD", &format!("{name}[{index}]"), error.to_string()),
            }
        }
        parsed
    }

    /// A whole number in a range.
    pub(crate) fn number(&mut self, name: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let number = self.value(name)?.as_u64().and_then(|number| u32::try_from(number).ok());
        let message = || format!("must be a whole number from {} to {}", range.start(), range.end());
        match number.filter(|number| range.contains(number)) {
            Some(number) => Some(number),
            None => self.wrong(name, message()),
        }
    }

    /// `true` or `false`.
    pub(crate) fn truth(&mut self, name: &str) -> Option<bool> {
        match self.value(name)? {
            Value::Bool(truth) => Some(truth),
            _ => self.wrong(name, "must be true or false"),
        }
    }

    /// The fields of an inner object.
    pub(crate) fn object(&mut self, name: &str) -> Option<Fields<'f>> {
        match self.value(name)? {
            Value::Object(left) => Some(Fields { left, path: self.at(name), faults: self.faults }),
            _ => self.wrong(name, "must be an object"),
        }
    }

    /// The fields of each object of a list; `None`: there is no list.
    pub(crate) fn objects(&mut self, name: &str) -> Option<Vec<Fields<'f>>> {
        self.objects_up_to(name, MAX_ITEMS)
    }

    /// The same of a list that may be longer, or shorter, than others.
    pub(crate) fn objects_up_to(&mut self, name: &str, most: usize) -> Option<Vec<Fields<'f>>> {
        let mut objects = Vec::new();
        for (index, item) in self.items(name, most)?.into_iter().enumerate() {
            let name = format!("{name}[{index}]");
            match item {
                Value::Object(left) => objects.push(Fields { left, path: self.at(&name), faults: self.faults }),
                _ => self.fault("INVALID_FIELD", &name, "must be an object"),
            }
        }
        Some(objects)
    }

    /// Takes fields whose fault is noted already.
    pub(crate) fn ignore(&mut self, names: &[&str]) {
        self.left.retain(|name, _| !names.contains(&name.as_str()));
    }

    /// Says that nothing else may be there.
    pub(crate) fn end(self) {
        for name in self.left.keys() {
            self.fault("UNKNOWN_FIELD", name, "is unknown");
        }
    }

    fn items(&mut self, name: &str, most: usize) -> Option<Vec<Value>> {
        match self.value(name)? {
            Value::Array(items) if items.len() <= most => Some(items),
            Value::Array(_) => self.wrong(name, format!("must not have more than {most} items")),
            _ => self.wrong(name, "must be a list"),
        }
    }

    fn wrong<T>(&self, name: &str, message: impl Into<String>) -> Option<T> {
        self.fault("INVALID_FIELD", name, message);
        None
    }
}
