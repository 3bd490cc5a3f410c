//! Everything that can be wrong with a lab's words for a bus: each says what, and what to do.

use crate::bench::{Time, chip};
use outlive_drivers::i2c::{Bus, known_models};
use std::sync::Arc;

#[track_caller]
fn refused(chips: &[&str], message: &str) {
    let chips: Vec<_> = chips.iter().map(|spec| chip(spec)).collect();
    let error = Bus::new(&chips, Arc::new(Time::default())).unwrap_err();
    assert_eq!(error.to_string(), message);
}

#[test]
fn errors_say_what_to_do() {
    refused(
        &["24c03@0x50"],
        "there is no chip \"24c03\"; known chips: 24c01, 24c02, 24c04, 24c08, 24c16, 24c32, 24c64, 24c128, 24c256, \
         24c512, lm75, pcf8570, tmp102",
    );
    refused(&["24c02@0x50,tws=5ms"], "24c02 at 0x50 has no key \"tws\"; its keys: claimed, file, slow, twr, wp");
    refused(&["lm75@0x48,twr=5ms"], "lm75 at 0x48 has no key \"twr\"; its keys: claimed, slow, temp");
    refused(
        &["24c02@0x50,twr=5"],
        "24c02 at 0x50, key \"twr\": \"5\" is not a duration; write a number and ns, us, ms, s, min or h, such as 5ms",
    );
    refused(
        &["24c02@0x50,wp=maybe"],
        "24c02 at 0x50, key \"wp\": \"maybe\" is not a switch; write true or false (yes and no, on and off, 1 and 0 do \
         as well)",
    );
    refused(&["lm75@0x48,temp=126"], "lm75 at 0x48, key \"temp\": measures from -55 to 125 degrees Celsius");
    refused(&["24c02@0x78"], "24c02 at 0x78: a chip's address is from 0x03 to 0x77; most EEPROMs are at 0x50");
    refused(&["lm75@0x02"], "lm75 at 0x02: a chip's address is from 0x03 to 0x77; most EEPROMs are at 0x50");
    refused(&["24c16@0xffff"], "24c16 at 0xffff: a chip's address is from 0x03 to 0x77; most EEPROMs are at 0x50");
    refused(
        &["24c16@0x51"],
        "24c16 at 0x51: answers to 8 addresses in a row, the first of which is a multiple of 8: 0x50",
    );
    refused(
        &["24c02@0x50", "lm75@0x50"],
        "24c02 at 0x50 and lm75 at 0x50 both answer to 0x50; give one of them another address or another bus",
    );
    refused(
        &["24c16@0x50", "lm75@0x48", "24c02@0x57"],
        "24c16 at 0x50 and 24c02 at 0x57 both answer to 0x57; give one of them another address or another bus",
    );
}

#[test]
fn every_known_model_can_be_had_and_case_does_not_matter() {
    for model in known_models() {
        for name in [model.to_owned(), model.to_uppercase()] {
            Bus::new(&[chip(&format!("{name}@0x50,slow=1ms,claimed=no"))], Arc::new(Time::default())).unwrap();
        }
    }
    Bus::new(&[], Arc::new(Time::default())).expect("a bus may be empty");
}

#[test]
fn addresses_at_the_ends_are_good() {
    for spec in ["lm75@0x03", "lm75@0x77", "24c16@0x70", "24c04@0x76"] {
        Bus::new(&[chip(spec)], Arc::new(Time::default())).unwrap();
    }
}
