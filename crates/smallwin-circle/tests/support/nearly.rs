//! Bytes that are nearly records.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test may panic, and not every test uses all of it"
)]

use serde_json::{Value, json};
use smallwin_circle::{Body, Log, Record, SigningKey};

use super::{b64u, key, payload, text};

/// Bytes that are nearly records. Both languages must refuse all of them.
pub fn refused_records(log: &Log) -> Vec<Value> {
    let statement = payload(
        log,
        1,
        Body::Statement {
            about: "a".to_owned(),
            value: json!(1),
        },
    );
    let good = Record::sign(&statement, &key(1)).unwrap();
    let good_text = text(good.bytes()).to_owned();
    let signed =
        |edit: &dyn Fn(&str) -> String| sign_text(&edit(text(&statement.to_bytes())), &key(1));
    let replaced = |from: &'static str, to: &'static str| {
        signed(&move |payload| {
            assert!(payload.contains(from), "{from} is not in {payload}");
            payload.replace(from, to)
        })
    };
    let value = r#""value":1"#;
    let rows = [
        ("white space around", format!("{good_text} ")),
        ("white space inside", good_text.replace("\":", "\": ")),
        (
            "an unknown field outside",
            good_text.replacen('{', r#"{"a":1,"#, 1),
        ),
        (
            "no signature",
            json!({"payload": b64u(&statement.to_bytes()), "signatures": []}).to_string(),
        ),
        ("another version", replaced(r#""v":1"#, r#""v":2"#)),
        ("an unknown field", replaced(r#""v":1"#, r#""v":1,"w":1"#)),
        ("a field twice", replaced(value, r#""value":1,"value":1"#)),
        (
            "fields out of order",
            replaced(
                r#""about":"a","kind":"statement""#,
                r#""kind":"statement","about":"a""#,
            ),
        ),
        (
            "white space in the payload",
            replaced(value, r#""value": 1"#),
        ),
        ("a fraction", replaced(value, r#""value":1.5"#)),
        (
            "a number spelled otherwise",
            replaced(value, r#""value":1e0"#),
        ),
        ("a number with a point", replaced(value, r#""value":1.0"#)),
        ("minus zero", replaced(value, r#""value":-0"#)),
        (
            "a large number",
            replaced(value, r#""value":9007199254740992"#),
        ),
        ("a larger number", replaced(value, r#""value":1e21"#)),
        ("a very large number", replaced(value, r#""value":1e999"#)),
        ("half a character", replaced(value, r#""value":"\ud800""#)),
        ("a needless escape", replaced(value, r#""value":"\u0061""#)),
        ("an escaped slash", replaced(value, r#""value":"\/""#)),
        (
            "deep nesting",
            replaced(value, r#""value":[[[[[[[[[1]]]]]]]]]"#),
        ),
        (
            "a null for an absent field",
            replaced(value, r#""value":1,"x":null"#),
        ),
        (
            "an empty subject",
            replaced(r#""about":"a""#, r#""about":"""#),
        ),
        ("no kind", replaced(r#","kind":"statement""#, "")),
        (
            "a kind that is no text",
            replaced(r#""kind":"statement""#, r#""kind":1"#),
        ),
        (
            "fields of another kind",
            replaced(r#""kind":"statement""#, r#""kind":"grant""#),
        ),
        (
            "a moment of another form",
            replaced(r#"Z","deps""#, r#"+00:00","deps""#),
        ),
        ("a negative number", replaced(r#""seq":1"#, r#""seq":-1"#)),
        ("a number as text", replaced(r#""seq":1"#, r#""seq":"1""#)),
        (
            "the first without a predecessor",
            replaced(r#""seq":1"#, r#""seq":0"#),
        ),
        (
            "bytes after the payload",
            signed(&|payload| format!("{payload}\n")),
        ),
        (
            "a mark before the payload",
            signed(&|payload| format!("\u{feff}{payload}")),
        ),
        (
            "another's signature",
            sign_text(text(&statement.to_bytes()), &key(2)),
        ),
        ("two signatures on a statement", {
            let mut file: Value = serde_json::from_str(&good_text).unwrap();
            let twice = file["signatures"][0].clone();
            file["signatures"].as_array_mut().unwrap().push(twice);
            file.to_string()
        }),
        (
            "a header with another field",
            good_text.replace(
                &protected(&key(1)),
                &b64u(
                    format!(
                        r#"{{"alg":"EdDSA","b64":true,"kid":"{}"}}"#,
                        key(1).public()
                    )
                    .as_bytes(),
                ),
            ),
        ),
        (
            "another algorithm",
            good_text.replace(
                &protected(&key(1)),
                &b64u(format!(r#"{{"alg":"none","kid":"{}"}}"#, key(1).public()).as_bytes()),
            ),
        ),
        (
            "too long",
            sign_text(
                text(
                    &payload(
                        log,
                        1,
                        Body::Statement {
                            about: "a".to_owned(),
                            value: "x".repeat(4_000).into(),
                        },
                    )
                    .to_bytes(),
                ),
                &key(1),
            ),
        ),
    ];
    rows.iter()
        .map(|(why, bytes)| {
            assert!(Record::parse(bytes.as_bytes()).is_err(), "{why}");
            json!({"why": why, "text": bytes})
        })
        .collect()
}

fn protected(key: &SigningKey) -> String {
    b64u(format!(r#"{{"alg":"EdDSA","kid":"{}"}}"#, key.public()).as_bytes())
}

/// A record over any text, signed as a program of ours would.
fn sign_text(payload: &str, key: &SigningKey) -> String {
    let (payload, protected) = (b64u(payload.as_bytes()), protected(key));
    let signature = key.sign(format!("{protected}.{payload}").as_bytes());
    format!(
        r#"{{"payload":"{payload}","signatures":[{{"protected":"{protected}","signature":"{signature}"}}]}}"#
    )
}
