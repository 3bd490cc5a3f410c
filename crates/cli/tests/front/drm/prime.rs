//! Buffers that go from one card to another.

use super::{drawing, expect_good, screenshot};
use crate::stage::everybody;

const TWO: [&str; 2] = ["drm:virtual,mode=640x480,num=0", "drm:virtual,mode=640x480,num=1"];

/// Also after the card that lent it has gone: point 12 of the document.
#[test]
fn a_buffer_is_lent_to_another_card_and_outlives_its_own() {
    for who in everybody() {
        let mut live = drawing(who, &TWO, &["prime", "/dev/dri/card1"]);
        let seen = screenshot(&live, &["card1"]).unwrap();
        assert_eq!(seen.quarters()[..2], [[255, 0, 0], [0, 255, 0]], "{who:?}");
        assert_eq!(live.command(&["unplug", "card0"]).0, 0);
        live.say("\n");
        expect_good(live, "prime");
    }
}
