#![no_main]

use smallwin_gate_fuzz::fuzzing::dice::Dice;
use smallwin_gate_fuzz::fuzzing::targets;

// The bytes throw the dice by which an honest change is made worse.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    targets::change(&mut Dice::of(bytes)).unwrap();
});
