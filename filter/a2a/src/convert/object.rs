//! JSON objects on their way between two models: read against the members they may have, changed, given back. What is not known
//! about an object stays in it as it is.
//!
//! ProtoJSON readers take a member by its camel-case and by its snake-case name, and `null` for an absent one; the Python SDK sends both
//! spellings. So do the readers of 0.3. Known members are therefore brought to one spelling here, before anything looks at them. Readers in
//! Go take any case as well; nobody writes that but to be understood differently by the gateway and the agent, so it is refused.

use serde_json::{Map, Value};

use super::refusal::Refusal;
use super::way::Way;

/// What an object is called in a refusal, and the members that must be of a type if they are there.
pub(super) struct Shape {
    pub(super) what: &'static str,
    pub(super) texts: &'static [&'static str],
    pub(super) objects: &'static [&'static str],
    pub(super) lists: &'static [&'static str],
    /// Members of any other type.
    pub(super) others: &'static [&'static str],
}

/// An object whose known members are spelled in camel case, of their type, and not `null`.
pub(super) struct Object {
    members: Map<String, Value>,
    what: &'static str,
    way: Way,
}

impl Object {
    /// Reads `value` as `shape`.
    pub(super) fn read(value: Value, shape: &Shape, way: Way) -> Result<Self, Refusal> {
        let Value::Object(members) = value else {
            return Err(way.malformed(format!("{} must be an object", shape.what)));
        };
        let mut object = Self { members, what: shape.what, way };
        object.settle(shape.texts, Value::is_string, "a string")?;
        object.settle(shape.objects, Value::is_object, "an object")?;
        object.settle(shape.lists, Value::is_array, "an array")?;
        object.settle(shape.others, |_| true, "")?;
        let known = [shape.texts, shape.objects, shape.lists, shape.others];
        for name in known.into_iter().flatten() {
            if object.members.keys().any(|member| member != name && alike(member, name)) {
                return Err(object.malformed(name, "must be spelled like that"));
            }
        }
        Ok(object)
    }

    /// An empty object, to be built.
    pub(super) fn new(what: &'static str, way: Way) -> Self {
        Self { members: Map::new(), what, way }
    }

    fn settle(&mut self, names: &[&str], is: fn(&Value) -> bool, expected: &str) -> Result<(), Refusal> {
        for name in names {
            let snake = snake(name);
            let other = if snake == *name { None } else { self.members.remove(&snake) };
            let value = match (self.members.remove(*name), other) {
                (Some(_), Some(_)) => return Err(self.malformed(name, "must not be there in two spellings")),
                (value, other) => value.or(other).unwrap_or(Value::Null),
            };
            if value.is_null() {
                continue;
            }
            if !is(&value) {
                return Err(self.malformed(name, &format!("must be {expected}")));
            }
            self.members.insert((*name).to_owned(), value);
        }
        Ok(())
    }

    /// That the member `name` is wrong: it `must` be otherwise.
    pub(super) fn malformed(&self, name: &str, must: &str) -> Refusal {
        self.way.malformed(format!("{}.{name} {must}", self.what))
    }

    /// That the other version has no place for the member `name`.
    pub(super) fn homeless(&self, name: &str) -> Refusal {
        self.way.malformed(format!("{}.{name} cannot be said in A2A {}", self.what, self.way.target()))
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// A member that is a string and says something: in both versions the empty string is the same as none.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name)
    }

    pub(super) fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.members.insert(name.to_owned(), value.into());
    }

    /// Removes the members `names` if they are empty strings.
    pub(super) fn drop_empty(&mut self, names: &[&str]) {
        for name in names {
            if self.get(name).and_then(Value::as_str) == Some("") {
                self.take(name);
            }
        }
    }

    /// Puts `value` where nothing is.
    pub(super) fn or_put(&mut self, name: &str, value: impl Into<Value>) {
        self.members.entry(name.to_owned()).or_insert_with(|| value.into());
    }

    /// The member `from` under the name `to`, which must be free.
    pub(super) fn rename(&mut self, from: &str, to: &str) -> Result<(), Refusal> {
        let Some(value) = self.take(from) else { return Ok(()) };
        if self.members.contains_key(to) {
            return Err(self.malformed(to, &format!("must not be there beside {from}")));
        }
        self.put(to, value);
        Ok(())
    }

    /// Takes the member `name` away, which says nothing that would be missed: it is absent, zero, false or empty.
    pub(super) fn drop_if_idle(&mut self, name: &str) -> Result<(), Refusal> {
        let idle = match self.take(name) {
            None | Some(Value::Null | Value::Bool(false)) => true,
            Some(Value::String(text)) => text.is_empty(),
            Some(Value::Object(members)) => members.is_empty(),
            Some(Value::Array(items)) => items.is_empty(),
            Some(Value::Number(number)) => number.as_f64() == Some(0.0),
            Some(Value::Bool(true)) => false,
        };
        if idle { Ok(()) } else { Err(self.homeless(name)) }
    }

    /// Passes the member `name` through `convert`, if it is there.
    pub(super) fn change(
        &mut self,
        name: &str,
        convert: impl FnOnce(Value, Way) -> Result<Value, Refusal>,
    ) -> Result<(), Refusal> {
        if let Some(value) = self.take(name) {
            let value = convert(value, self.way)?;
            self.put(name, value);
        }
        Ok(())
    }

    /// Passes each item of the array `name` through `convert`, if it is there.
    pub(super) fn change_each(
        &mut self,
        name: &str,
        convert: fn(Value, Way) -> Result<Value, Refusal>,
    ) -> Result<(), Refusal> {
        self.change(name, |list, way| each(list, way, convert))
    }

    /// Takes every member of `other`; its own are kept where both have one.
    pub(super) fn absorb(&mut self, other: Self) {
        for (name, value) in other.members {
            self.or_put(&name, value);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(super) fn into_value(self) -> Value {
        Value::Object(self.members)
    }
}

/// Passes each item of an array through `convert`.
pub(super) fn each(list: Value, way: Way, convert: fn(Value, Way) -> Result<Value, Refusal>) -> Result<Value, Refusal> {
    let Value::Array(items) = list else { return Err(way.malformed("a list must be an array")) };
    items.into_iter().map(|item| convert(item, way)).collect()
}

/// The proto name of a JSON name: `taskId` is `task_id`.
pub(super) fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// Whether some reader takes both names for the same member: they differ in case (as Unicode folds it) and underscores alone.
pub(super) fn alike(one: &str, other: &str) -> bool {
    fn letters(name: &str) -> impl Iterator<Item = char> {
        name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).flat_map(char::to_uppercase)
    }
    fn ascii(name: &str) -> impl Iterator<Item = u8> {
        name.bytes().filter(|b| *b != b'_').map(|b| b.to_ascii_lowercase())
    }
    if one.is_ascii() && other.is_ascii() { ascii(one).eq(ascii(other)) } else { letters(one).eq(letters(other)) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SHAPE: Shape =
        Shape { what: "thing", texts: &["taskId"], objects: &["metadata"], lists: &["parts"], others: &["pageSize"] };

    fn check(value: Value, expected: Result<Value, &str>) {
        let read = Object::read(value, &SHAPE, Way::TEST).map(Object::into_value);
        assert_eq!(read, expected.map_err(|message| Refusal::new(Refusal::INVALID_PARAMS, message)));
    }

    #[test]
    fn members_come_in_two_spellings_and_leave_in_one() {
        check(
            json!({"task_id": "t", "page_size": 3, "new_one": 1}),
            Ok(json!({"taskId": "t", "pageSize": 3, "new_one": 1})),
        );
        check(json!({"task_id": "t", "taskId": "u"}), Err("thing.taskId must not be there in two spellings"));
    }

    #[test]
    fn no_other_spelling_gets_past_it() {
        for name in ["taskID", "TASK_ID", "ta\u{17f}kId", "tas\u{212a}Id", "t_ask_id"] {
            check(json!({ name: "t" }), Err("thing.taskId must be spelled like that"));
        }
        check(json!({"taskIds": 1, "tasId": 2}), Ok(json!({"taskIds": 1, "tasId": 2})));
    }

    #[test]
    fn null_is_absent_and_other_types_are_told() {
        check(json!({"taskId": null, "metadata": null}), Ok(json!({})));
        check(json!({"taskId": 1}), Err("thing.taskId must be a string"));
        check(json!({"metadata": []}), Err("thing.metadata must be an object"));
        check(json!({"parts": {}}), Err("thing.parts must be an array"));
        check(json!([]), Err("thing must be an object"));
    }
}
