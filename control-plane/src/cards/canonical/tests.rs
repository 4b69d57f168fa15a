//! The canonical form against what others say it is: RFC 8785's own examples, A2A's, and `a2a-sdk` 1.3.0.

use serde_json::{Value, json};

use super::{Form, canonical, jcs};

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn check(card: &Value, form: Form, expect: &str) {
    assert_eq!(text(canonical(card, form).unwrap()), expect, "{form:?}");
}

#[test]
fn the_example_of_rfc_8785_section_3_2_comes_out_as_section_3_2_4_says() {
    let input = r#"{
        "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
    }"#;
    let expect = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\
        \"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
    assert_eq!(text(jcs(&serde_json::from_str(input).unwrap())), expect);
}

#[test]
fn members_are_in_the_order_of_rfc_8785_section_3_2_3() {
    let input = r#"{
        "\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",
        "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis"
    }"#;
    let sorted = text(jcs(&serde_json::from_str(input).unwrap()));
    let order =
        ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"].map(|name| sorted.find(name).unwrap());
    assert!(order.is_sorted(), "{sorted}");
}

#[test]
fn numbers_are_those_of_rfc_8785_appendix_b() {
    for (bits, expect) in [
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ] {
        assert_eq!(text(jcs(&json!(f64::from_bits(bits)))), expect, "{bits:x}");
    }
    assert_eq!(text(jcs(&json!(u64::MAX))), "18446744073709552000", "an integer is a double too");
}

#[test]
fn the_example_of_a2a_section_8_4_1_keeps_what_is_required_or_set() {
    let card = json!({
        "name": "Example Agent", "description": "", "skills": [],
        "capabilities": {"streaming": false, "pushNotifications": false, "extensions": []},
    });
    let capabilities = r#""capabilities":{"pushNotifications":false,"streaming":false}"#;
    let spec = format!("{{{capabilities},\"description\":\"\",\"name\":\"Example Agent\",\"skills\":[]}}");
    check(&card, Form::Whole, &spec);
    check(&card, Form::Known, &spec);
    check(&card, Form::Sdk, &format!("{{{capabilities},\"name\":\"Example Agent\"}}"));
}

#[test]
fn a_members_presence_decides_whether_its_default_is_signed() {
    let card = json!({
        "name": "", "iconUrl": "", "documentationUrl": null, "provider": {}, "securityRequirements": [],
        "x-empty": [], "x-null": null, "skills": [{"id": "", "examples": [], "tags": []}],
        "securitySchemes": {"k": {"apiKeySecurityScheme": {"description": "", "name": ""}}}, "signatures": [{}],
    });
    let known = "\"iconUrl\":\"\",\"name\":\"\",\"provider\":{},\
        \"securitySchemes\":{\"k\":{\"apiKeySecurityScheme\":{\"name\":\"\"}}},\"skills\":[{\"id\":\"\",\"tags\":[]}]";
    check(&card, Form::Known, &format!("{{{known}}}"));
    check(&card, Form::Whole, &format!("{{{known},\"x-empty\":[],\"x-null\":null}}"));
    check(&card, Form::Sdk, "null");
}

#[test]
fn the_sdk_form_is_what_the_sdk_itself_computes() {
    // Made with a2a-sdk 1.3.0: `_canonicalize_agent_card(parse_agent_card(card))`.
    let vectors: Vec<Value> = serde_json::from_str(include_str!("sdk_vectors.json")).unwrap();
    assert_eq!(vectors.len(), 4);
    for vector in vectors {
        check(&vector["card"], Form::Sdk, vector["canonical"].as_str().unwrap());
    }
}

#[test]
fn what_is_no_object_has_no_canonical_form() {
    for other in [json!(null), json!([]), json!("text")] {
        assert!(Form::ALL.iter().all(|form| canonical(&other, *form).is_none()));
    }
}
