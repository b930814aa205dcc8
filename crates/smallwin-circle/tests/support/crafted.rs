//! Keys and signatures about which verifiers are known to disagree.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test may panic, and not every test uses all of it"
)]

use curve25519_dalek::constants::{ED25519_BASEPOINT_TABLE, EIGHT_TORSION};
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};
use smallwin_circle::{DeviceKey, Signature, SigningKey, verify};

use super::{b64u, key};

pub fn refused_keys() -> Vec<Value> {
    let small = EIGHT_TORSION
        .iter()
        .map(|point| ("small order", point.compress().to_bytes()));
    let spelled_twice = (0xed..=0xff_u8).map(|low| {
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (low, 0x7f);
        ("not canonical, or no point", bytes)
    });
    let negative_zero = |low: u8, fill: u8, high: u8| {
        let mut bytes = [fill; 32];
        (bytes[0], bytes[31]) = (low, high);
        ("zero with a sign", bytes)
    };
    let mut no_point = [0; 32];
    no_point[0] = 2;
    let all = small.chain(spelled_twice).chain([
        negative_zero(1, 0, 0x80),
        negative_zero(0xec, 0xff, 0xff),
        ("no point", no_point),
    ]);
    all.map(|(why, bytes)| {
        assert!(DeviceKey::from_bytes(bytes).is_err(), "{why} {bytes:?}");
        json!({"why": why, "bytes": b64u(&bytes)})
    })
    .collect()
}

/// Signatures about which verifiers are known to disagree, with what strict verification says.
pub fn signatures() -> Vec<(&'static str, DeviceKey, Vec<u8>, Signature)> {
    let (signer, message) = (key(1), b"a message".to_vec());
    let good = signer.sign(&message);
    let mut wrong_message = message.clone();
    wrong_message.push(b'!');
    let plain = [
        ("honest", signer.public(), message.clone(), good),
        ("another message", signer.public(), wrong_message, good),
        ("another key", key(2).public(), message.clone(), good),
        (
            "s is not reduced",
            signer.public(),
            message.clone(),
            unreduced(&good),
        ),
    ];
    let torsion = EIGHT_TORSION[1];
    let nonce = Scalar::from(77_u64);
    let base = |scalar: &Scalar| scalar * ED25519_BASEPOINT_TABLE;
    let honest_key = base(&secret_scalar(&signer));
    let mixed_key = honest_key + torsion;
    let craft = |key: EdwardsPoint, r: EdwardsPoint, message: &[u8]| {
        sign_with(&signer, key, r, nonce, message)
    };
    // With a mixed key, a message counts only when the torsion cancels: one in eight.
    let mixed = |want: bool| {
        (0..200_u32)
            .map(|n| n.to_be_bytes().to_vec())
            .map(|message| {
                (
                    "a key of mixed order",
                    device(mixed_key),
                    message.clone(),
                    craft(mixed_key, base(&nonce), &message),
                )
            })
            .find(|(_, key, message, signature)| verify(key, message, signature) == want)
            .unwrap()
    };
    let zero_nonce = sign_with(
        &signer,
        honest_key,
        EdwardsPoint::default(),
        Scalar::ZERO,
        &message,
    );
    let crafted = [
        (
            "r is of small order",
            signer.public(),
            message.clone(),
            zero_nonce,
        ),
        (
            "r is of mixed order",
            signer.public(),
            message.clone(),
            craft(honest_key, base(&nonce) + torsion, &message),
        ),
        (
            "crafted as an honest signer would",
            signer.public(),
            message.clone(),
            craft(honest_key, base(&nonce), &message),
        ),
        mixed(true),
        mixed(false),
    ];
    plain.into_iter().chain(crafted).collect()
}

fn device(point: EdwardsPoint) -> DeviceKey {
    DeviceKey::from_bytes(point.compress().to_bytes()).unwrap()
}

fn secret_scalar(key: &SigningKey) -> Scalar {
    let hash = Sha512::digest(key.to_seed());
    let clamped = curve25519_dalek::scalar::clamp_integer(hash[..32].try_into().unwrap());
    Scalar::from_bytes_mod_order(clamped)
}

/// `r ‖ nonce + H(r ‖ key ‖ message)·secret`, whatever `r` and `key` are.
fn sign_with(
    signer: &SigningKey,
    key: EdwardsPoint,
    r: EdwardsPoint,
    nonce: Scalar,
    message: &[u8],
) -> Signature {
    let r = r.compress().to_bytes();
    let hash = Sha512::new()
        .chain_update(r)
        .chain_update(key.compress().to_bytes())
        .chain_update(message)
        .finalize();
    let k = Scalar::from_bytes_mod_order_wide(&hash.into());
    let s = nonce + k * secret_scalar(signer);
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&r);
    bytes[32..].copy_from_slice(s.as_bytes());
    Signature::from_bytes(bytes)
}

/// The same signature with the group order added to `s`.
fn unreduced(signature: &Signature) -> Signature {
    let order = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10_u8,
    ];
    let mut bytes = *signature.as_bytes();
    let mut carry = 0_u16;
    for (byte, add) in bytes[32..].iter_mut().zip(order) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = carry as u8;
        carry >>= 8;
    }
    Signature::from_bytes(bytes)
}
