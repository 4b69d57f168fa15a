//! A place in a card: a value and the JSON path that leads to it, so that a fault can say where it is.

use serde_json::{Map, Value};

use super::CardFault;

/// A value of a card and where it stands.
pub(super) struct At<'a> {
    value: &'a Value,
    path: String,
}

/// An object of a card and where it stands.
pub(super) struct ObjectAt<'a> {
    fields: &'a Map<String, Value>,
    path: String,
}

impl<'a> At<'a> {
    pub(super) fn root(card: &'a Value) -> Self {
        Self { value: card, path: String::new() }
    }

    pub(super) fn fault(&self, problem: &'static str) -> CardFault {
        let path = if self.path.is_empty() { "$".to_owned() } else { self.path.clone() };
        CardFault { path, problem }
    }

    pub(super) fn text(&self) -> Result<&'a str, CardFault> {
        self.value.as_str().ok_or_else(|| self.fault("must be a string"))
    }

    pub(super) fn truth(&self) -> Result<bool, CardFault> {
        self.value.as_bool().ok_or_else(|| self.fault("must be true or false"))
    }

    pub(super) fn object(self) -> Result<ObjectAt<'a>, CardFault> {
        match self.value {
            Value::Object(fields) => Ok(ObjectAt { fields, path: self.path }),
            _ => Err(self.fault("must be an object")),
        }
    }

    pub(super) fn items(&self) -> Result<Vec<At<'a>>, CardFault> {
        let items = self.value.as_array().ok_or_else(|| self.fault("must be an array"))?;
        let at = |(index, value)| At { value, path: format!("{}[{index}]", self.path) };
        Ok(items.iter().enumerate().map(at).collect())
    }

    pub(super) fn texts(&self) -> Result<Vec<&'a str>, CardFault> {
        self.items()?.iter().map(At::text).collect()
    }
}

impl<'a> ObjectAt<'a> {
    pub(super) fn fault(&self, field: &str, problem: &'static str) -> CardFault {
        CardFault { path: self.inner(field), problem }
    }

    pub(super) fn required(&self, field: &str) -> Result<At<'a>, CardFault> {
        self.optional(field).ok_or_else(|| self.fault(field, "is missing"))
    }

    /// `null` is as good as absent.
    pub(super) fn optional(&self, field: &str) -> Option<At<'a>> {
        let value = self.fields.get(field).filter(|value| !value.is_null())?;
        Some(At { value, path: self.inner(field) })
    }

    /// Applies `check` to the field if it is there.
    pub(super) fn if_present<T>(
        &self,
        field: &str,
        check: impl FnOnce(At<'a>) -> Result<T, CardFault>,
    ) -> Result<(), CardFault> {
        self.optional(field).map_or(Ok(()), |value| check(value).map(drop))
    }

    fn inner(&self, field: &str) -> String {
        if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) }
    }
}
