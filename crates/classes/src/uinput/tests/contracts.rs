//! What the docs say of zombies.

use crate::{
    Contract,
    uinput::zombie::{ZOMBIE, linux_says},
};
use outlive::Reason;

/// The table that users read is the one that the code reads.
#[test]
fn the_table_in_the_docs_is_this_one() {
    let page = include_str!("../../../../../docs/contracts.md");
    let (_, section) = page.split_once("\n## uinput\n").expect("a section");
    for terms in ZOMBIE {
        let cells = Contract::ALL.map(|contract| terms.under(contract, Reason::Pulled).to_string());
        assert_eq!(terms.linux, terms.linux_orderly, "the table has one column for both");
        let row = format!("| {} | {} |", terms.calls, cells.join(" | "));
        assert!(section.contains(&row), "docs/contracts.md lacks the row\n{row}");
    }
}

/// Why `outlive explore` takes the strict contract where programs make devices.
#[test]
fn there_is_nothing_to_measure() {
    assert!(!linux_says().measured);
}
