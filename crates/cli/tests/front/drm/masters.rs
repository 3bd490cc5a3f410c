//! Who may say what a card shows.

use super::{CARD, drawing, expect_good};
use crate::stage::everybody;

/// Who opened the file, if it has been the master; root with any (`drm_master_check_perm`).
#[test]
fn the_master_is_changed_by_who_may() {
    for who in everybody() {
        expect_good(drawing(who, &[CARD], &["masters"]), "masters");
    }
}
