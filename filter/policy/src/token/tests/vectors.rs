//! Known answers from the specifications. Their tokens carry no audience, so the key is asked directly.

use jwt_compact::UntrustedToken;
use serde_json::{Value, json};

use super::super::algorithm::SigningAlgorithm;
use super::super::jwks;
use crate::token::NoHost;

const PAYLOAD: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

/// Verifies a token as it stands in the specification, and finds it wrong with any character of the signature changed.
fn check(jwk: Value, algorithm: SigningAlgorithm, token: &str) {
    let Ok(keys) = jwks::compile(&json!({"keys": [jwk]}), "jwks") else { panic!("the key is refused") };
    let holds = |token: &str| {
        let (signed, _) = token.rsplit_once('.').unwrap();
        UntrustedToken::new(token).is_ok_and(|parsed| keys[0].verifies(algorithm, &parsed, signed.as_bytes(), &NoHost))
    };
    assert!(holds(token));
    for (index, character) in token.char_indices().skip(token.rfind('.').unwrap() + 1) {
        let mut changed = token.to_owned();
        changed.replace_range(index..=index, if character == 'A' { "B" } else { "A" });
        assert!(!holds(&changed), "{index}");
    }
}

#[test]
fn rfc_7515_appendix_a_2_verifies() {
    let modulus = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZ\
                   S-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2\
                   R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD\
                   TW9gb54h4FRWyuXpoQ";
    let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdb\
                     F9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383\
                     LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWy\
                     wlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    let token = format!("eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}.{signature}");
    check(json!({"kty": "RSA", "n": modulus, "e": "AQAB"}), SigningAlgorithm::Rs256, &token);
}

#[test]
fn rfc_7515_appendix_a_3_verifies() {
    let jwk = json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    check(jwk, SigningAlgorithm::Es256, &format!("eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}.{signature}"));
}

#[test]
fn rfc_8037_appendix_a_4_verifies() {
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
                 hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    check(jwk, SigningAlgorithm::EdDsa, token);
}
