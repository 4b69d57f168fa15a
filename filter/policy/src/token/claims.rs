//! The payload (RFC 7519 section 4.1): typed reading of single claims, and the checks that need no key. A claim that is `null`
//! counts as absent; one of the wrong type makes the token malformed.

use serde_json::{Map, Value};

use super::{TokenFault, UnixSeconds};

/// The last second of the year 9999: no honest time lies beyond it, and sums with it cannot overflow.
const MAX_TIME: UnixSeconds = 253_402_300_799;

/// What a token claims, verified or not.
pub(super) struct Claims(Map<String, Value>);

enum Rounding {
    Down,
    Up,
}

impl From<Map<String, Value>> for Claims {
    fn from(map: Map<String, Value>) -> Self {
        Self(map)
    }
}

impl Claims {
    /// A claim that is a string. Control characters are refused: these values end up in headers and records.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, TokenFault> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.contains(char::is_control) => Ok(Some(text)),
            Some(_) => Err(TokenFault::Malformed),
        }
    }

    /// Refuses a token outside its time; answers with `exp`. It is good while `nbf <= now + leeway` and `now <= exp + leeway`.
    pub(super) fn check_times(&self, now: UnixSeconds, leeway: u64) -> Result<UnixSeconds, TokenFault> {
        let expires_at = self.time("exp", &Rounding::Down)?.ok_or(TokenFault::MissingExpiry)?;
        if now > expires_at.saturating_add(leeway) {
            return Err(TokenFault::Expired);
        }
        match self.time("nbf", &Rounding::Up)? {
            Some(not_before) if not_before > now.saturating_add(leeway) => Err(TokenFault::NotYetValid),
            _ => Ok(expires_at),
        }
    }

    /// `iat`, where it is a time.
    pub(super) fn issued_at(&self) -> Option<UnixSeconds> {
        self.time("iat", &Rounding::Down).ok().flatten()
    }

    /// Refuses a token that is for none of `accepted`, byte for byte.
    pub(super) fn check_audience(&self, accepted: &[String]) -> Result<(), TokenFault> {
        let is_ours = |name: &Value| name.as_str().is_some_and(|name| accepted.iter().any(|ours| ours == name));
        let found = match self.get("aud") {
            None => false,
            Some(name @ Value::String(_)) => is_ours(name),
            Some(Value::Array(names)) if names.iter().all(Value::is_string) => names.iter().any(is_ours),
            Some(_) => return Err(TokenFault::Malformed),
        };
        if found { Ok(()) } else { Err(TokenFault::WrongAudience) }
    }

    /// Refuses what is certainly no access token: OpenID Connect ID tokens carry `at_hash` or `c_hash` (Core sections 2, 3.3.2.11),
    /// and Cognito says `token_use`. `nonce` proves nothing, some servers put it into access tokens; the audience does the rest.
    pub(super) fn check_purpose(&self) -> Result<(), TokenFault> {
        let is_id_token = self.get("at_hash").is_some() || self.get("c_hash").is_some();
        let is_other_use = self.get("token_use").is_some_and(|purpose| purpose.as_str() != Some("access"));
        if is_id_token || is_other_use { Err(TokenFault::NotAccessToken) } else { Ok(()) }
    }

    /// The first of `names` that is present must be a string that is not empty.
    pub(super) fn first_text(&self, names: &[String]) -> Result<Option<&str>, TokenFault> {
        match names.iter().find(|name| self.get(name).is_some()) {
            Some(name) => Ok(self.text(name)?.filter(|text| !text.is_empty())),
            None => Ok(None),
        }
    }

    /// The words of the first of `names` that is present: a space-delimited string or a list of strings.
    pub(super) fn first_words(&self, names: &[String]) -> Result<Vec<&str>, TokenFault> {
        match names.iter().find_map(|name| self.get(name)) {
            None => Ok(Vec::new()),
            Some(Value::String(words)) => Ok(words.split(' ').filter(|word| !word.is_empty()).collect()),
            Some(Value::Array(words)) => words.iter().map(|word| word.as_str().ok_or(TokenFault::Malformed)).collect(),
            Some(_) => Err(TokenFault::Malformed),
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A NumericDate (RFC 7519 section 2), which may have a fraction: rounded so that the token's time never grows.
    fn time(&self, name: &str, rounding: &Rounding) -> Result<Option<UnixSeconds>, TokenFault> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let Value::Number(number) = value else { return Err(TokenFault::Malformed) };
        let seconds = match (number.as_u64(), number.as_f64()) {
            (Some(whole), _) => whole,
            (None, Some(fraction)) if (0.0..=MAX_TIME as f64).contains(&fraction) => match rounding {
                Rounding::Down => fraction.floor() as UnixSeconds,
                Rounding::Up => fraction.ceil() as UnixSeconds,
            },
            _ => return Err(TokenFault::Malformed),
        };
        if seconds <= MAX_TIME { Ok(Some(seconds)) } else { Err(TokenFault::Malformed) }
    }
}
