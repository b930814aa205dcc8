//! Mutants of JSON that stay canonical, and signatures over them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use smallwin_circle::SigningKey;

use super::Dice;
use crate::support::{DEVICES, b64u, key};

pub fn canonical(value: &Value) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).unwrap()
}

/// Makes what a record says worse, and signs that with the keys that signed before.
pub fn resign(dice: &mut Dice, record: &mut Value) {
    let Some(mut payload) = payload(record) else {
        return;
    };
    for _ in 0..=dice.below(2) {
        worse(dice, &mut payload);
    }
    let payload = b64u(&canonical(&payload));
    let signatures = record["signatures"].as_array_mut().unwrap();
    for signature in signatures {
        sign(signature, &payload);
    }
    record["payload"] = payload.into();
}

/// The same for the manifest of a snapshot file, or for one of its records.
pub fn resign_file(dice: &mut Dice, file: &mut Value) {
    let count = file["records"].as_array().unwrap().len();
    match dice.below(count + 1).checked_sub(1) {
        Some(at) => resign(dice, &mut file["records"][at]),
        None => resign(dice, file),
    }
}

/// Changes one thing somewhere in a value.
pub fn worse(dice: &mut Dice, value: &mut Value) {
    match value {
        Value::Array(items) if !items.is_empty() && dice.below(4) > 0 => {
            let at = dice.below(items.len());
            match dice.below(6) {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                2 => items.swap(at, 0),
                _ => worse(dice, &mut items[at]),
            }
        }
        Value::Object(fields) if !fields.is_empty() && dice.below(8) > 0 => {
            let names: Vec<String> = fields.keys().cloned().collect();
            let name = &names[dice.below(names.len())];
            match dice.below(8) {
                0 => drop(fields.remove(name)),
                1 => drop(fields.insert("w".to_owned(), Value::Null)),
                2 => {
                    let other = fields[&names[dice.below(names.len())]].clone();
                    fields.insert(name.clone(), other);
                }
                _ => worse(dice, &mut fields[name]),
            }
        }
        Value::String(text) if dice.below(6) > 0 => {
            let bytes = dice.mutate(&[text.as_bytes().to_vec()]);
            *text = String::from_utf8_lossy(&bytes).into_owned();
        }
        Value::Number(_) if dice.below(2) > 0 => *value = (dice.below(9) as i64 - 2).into(),
        _ => {
            let values = [
                json!(null),
                json!(true),
                json!(9_007_199_254_740_993_u64),
                json!(-1),
                json!(1.5),
                json!(""),
                json!([[[[[[[[[[1]]]]]]]]]]),
                json!({"kind": "later", "n": {}}),
                json!("facilitator"),
                json!("9999-12-31T23:59:59Z"),
            ];
            *value = values[dice.below(values.len())].clone();
        }
    }
}

/// What the payload of a JWS says.
fn payload(jws: &Value) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(jws["payload"].as_str()?).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Signs anew, when the header names a device of the tests' world.
fn sign(signature: &mut Value, payload: &str) {
    let Some(protected) = signature["protected"].as_str().map(str::to_owned) else {
        return;
    };
    let header = URL_SAFE_NO_PAD.decode(&protected).unwrap_or_default();
    let header: Value = serde_json::from_slice(&header).unwrap_or_default();
    let names = |key: &SigningKey| header["kid"] == key.public().to_string();
    if let Some(key) = (0..DEVICES as u8).map(key).find(names) {
        let input = format!("{protected}.{payload}");
        signature["signature"] = key.sign(input.as_bytes()).to_string().into();
    }
}
