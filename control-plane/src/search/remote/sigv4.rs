//! AWS Signature Version 4 for a POST without a query: which headers it adds. The hashes are `sha2`'s and aws-lc's. AWS's own crate for
//! this brings some twenty others, among them second versions of both.

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use http::{HeaderMap, HeaderValue, header, header::InvalidHeaderValue};
use sha2::{Digest, Sha256};

use crate::domain::{SecretText, UnixSeconds, time::rfc3339};

const DATE: &str = "x-amz-date";
const TOKEN: &str = "x-amz-security-token";

/// Whose request it is.
pub(super) struct Credentials {
    pub(super) access_key_id: SecretText,
    pub(super) secret_access_key: SecretText,
    /// Of a session, if they are temporary.
    pub(super) session_token: Option<SecretText>,
}

/// What a signature is good for.
pub(super) struct Scope<'a> {
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

/// A POST as it goes out.
pub(super) struct Post<'a> {
    /// As it stands in the request line, encoded.
    pub(super) path: &'a str,
    /// As it stands in its header, with a port that is not the scheme's.
    pub(super) host: &'a str,
    /// `None`: no such header.
    pub(super) content_type: Option<&'static str>,
    pub(super) body: &'a [u8],
}

/// The headers of `post`: those that it has, `host` left out, and those that sign it.
///
/// # Errors
/// A part of the credentials cannot stand in a header.
pub(super) fn sign(
    post: &Post<'_>,
    scope: &Scope<'_>,
    credentials: &Credentials,
    now: UnixSeconds,
) -> Result<HeaderMap, InvalidHeaderValue> {
    let moment = rfc3339(now).replace(['-', ':'], "");
    let day = moment.get(..8).unwrap_or_default();
    let token = credentials.session_token.as_ref().map(SecretText::expose);
    // In the order of their names.
    let signed: Vec<(&str, &str)> =
        [("content-type", post.content_type), ("host", Some(post.host)), (DATE, Some(&moment)), (TOKEN, token)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
    let names = signed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let canonical = canonical(post, &signed, &names);
    let Scope { region, service } = scope;
    let purpose = format!("{day}/{region}/{service}/aws4_request");
    let text = format!("AWS4-HMAC-SHA256\n{moment}\n{purpose}\n{}", hex(&Sha256::digest(canonical)));
    let signature = hex(signature(&credentials.secret_access_key, &purpose, &text).as_ref());
    let key_id = credentials.access_key_id.expose();
    let said = format!("AWS4-HMAC-SHA256 Credential={key_id}/{purpose}, SignedHeaders={names}, Signature={signature}");
    let mut headers = HeaderMap::new();
    headers.insert(DATE, HeaderValue::from_str(&moment)?);
    headers.insert(header::AUTHORIZATION, sensitive(&said)?);
    if let Some(token) = token {
        headers.insert(TOKEN, sensitive(token)?);
    }
    if let Some(content_type) = post.content_type {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    Ok(headers)
}

fn canonical(post: &Post<'_>, signed: &[(&str, &str)], names: &str) -> String {
    let mut text = format!("POST\n{}\n\n", encoded_again(post.path));
    for (name, value) in signed {
        let _ = writeln!(text, "{name}:{}", value.trim());
    }
    let _ = write!(text, "\n{names}\n{}", hex(&Sha256::digest(post.body)));
    text
}

/// A path is encoded twice for the signature, everywhere but in S3.
fn encoded_again(path: &str) -> String {
    path.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

/// By a key made of the secret and each part of `purpose` in turn.
fn signature(secret: &SecretText, purpose: &str, text: &str) -> hmac::Tag {
    let first = zeroize::Zeroizing::new(format!("AWS4{}", secret.expose()));
    let key = purpose.split('/').fold(hmac::Key::new(hmac::HMAC_SHA256, first.as_bytes()), |key, part| {
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref())
    });
    hmac::sign(&key, text.as_bytes())
}

fn sensitive(text: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(text)?;
    value.set_sensitive(true);
    Ok(value)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(token: Option<&str>) -> Credentials {
        let text = |text: &str| SecretText::new(text.to_owned());
        Credentials {
            access_key_id: text("AKIDEXAMPLE"),
            secret_access_key: text("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: token.map(text),
        }
    }

    #[track_caller]
    fn check(post: &Post<'_>, scope: &Scope<'_>, token: Option<&str>, now: UnixSeconds, expect: &str) {
        let headers = sign(post, scope, &credentials(token), now).unwrap();
        assert_eq!(headers[header::AUTHORIZATION].to_str().unwrap(), expect);
        assert!(headers[header::AUTHORIZATION].is_sensitive());
        assert_eq!(headers.get(TOKEN).map(|value| value.to_str().unwrap()), token);
    }

    /// `post-vanilla` and `post-sts-header-before` of AWS's Signature Version 4 test suite.
    #[test]
    fn signs_what_the_test_suite_has_as_it_says() {
        let post = Post { path: "/", host: "example.amazonaws.com", content_type: None, body: b"" };
        let scope = Scope { region: "us-east-1", service: "service" };
        let begin = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date";
        let signature = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b";
        check(&post, &scope, None, 1_440_938_160, &format!("{begin}, Signature={signature}"));
        let token = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
        let signature = "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead";
        check(
            &post,
            &scope,
            Some(token),
            1_440_938_160,
            &format!("{begin};x-amz-security-token, Signature={signature}"),
        );
    }

    /// As botocore 1.43 signs the same request.
    #[test]
    fn signs_an_invocation_of_a_model_as_the_sdk_does() {
        let host = "bedrock-runtime.eu-central-1.amazonaws.com";
        let path = "/model/amazon.titan-embed-text-v2%3A0/invoke";
        let body = br#"{"inputText":"invoice"}"#;
        let post = Post { path, host, content_type: Some("application/json"), body };
        let scope = Scope { region: "eu-central-1", service: "bedrock" };
        let begin = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/eu-central-1/bedrock/aws4_request, SignedHeaders=content-type;host;x-amz-date";
        let signature = "34801f37151aa613219f915fd1bdb45a15ea0afe0f2141bd3d66e1110a65f5b3";
        check(&post, &scope, None, 1_767_225_600, &format!("{begin}, Signature={signature}"));
        let signature = "d79ba4e22b94b9fb58dcd57fae051fa468fa4d9bd74975b4473aeb9a8868fdab";
        let token = Some("a-session-token");
        check(&post, &scope, token, 1_767_225_600, &format!("{begin};x-amz-security-token, Signature={signature}"));
    }

    /// `double-url-encode` and `double-encode-path` of the test suite.
    #[test]
    fn a_path_is_encoded_once_more() {
        assert_eq!(
            encoded_again("/functions/arn%3Aaws%3Alambda/invocations"),
            "/functions/arn%253Aaws%253Alambda/invocations"
        );
        assert_eq!(encoded_again("/test/@connections/JBDvjfGEIAMCERw%3D"), "/test/%40connections/JBDvjfGEIAMCERw%253D");
    }

    #[test]
    fn credentials_that_no_header_can_hold_are_refused() {
        let post = Post { path: "/", host: "a.example", content_type: None, body: b"" };
        let scope = Scope { region: "r", service: "s" };
        assert!(sign(&post, &scope, &credentials(Some("two\nlines")), 0).is_err());
    }
}
