//! littlefs, as it is, mounted on our flashes, which are pulled under it at any moment: what was synced is there again.
//!
//! `OUTLIVE_SEED` runs another history, or one again; `OUTLIVE_OPERATIONS` says how many operations each flash has.

#[path = "../chance/mod.rs"]
mod chance;
mod disk;
#[path = "../../examples/littlefs.rs"]
mod example;
mod fragile;
mod history;
mod operation;
mod tree;

use chance::asked;
use disk::{Disk, LargeNand, Nor, Ram, SmallNand};
use fragile::Bug;
use history::{Told, history};

/// `operations`: unless the environment says otherwise.
fn survives<D: Disk>(operations: u64) {
    let (seed, operations) = (asked("OUTLIVE_SEED", 1), asked("OUTLIVE_OPERATIONS", operations));
    match history::<D>(seed, operations, Bug::None) {
        Ok(told) => {
            println!("{}, OUTLIVE_SEED={seed}: {told:?}", D::SPEC);
            let Told { pulls, torn, rolled_back, rolled_on } = told;
            // A history in which nothing happens would show nothing.
            assert!(pulls >= operations / 100 && torn * 2 > pulls, "{told:?}");
            assert!(operations < 2000 || rolled_back * 20 > pulls && rolled_on * 50 > pulls, "{told:?}");
        }
        Err(wrong) => panic!("{}: {wrong}; again with OUTLIVE_SEED={seed}", D::SPEC),
    }
}

#[test]
fn nor_keeps_what_was_synced() {
    survives::<Nor>(10_000);
}

#[test]
fn ram_keeps_what_was_synced() {
    survives::<Ram>(3_000);
}

#[test]
fn nand_of_small_pages_with_bad_blocks_keeps_what_was_synced() {
    survives::<SmallNand>(10_000);
}

#[test]
fn nand_of_large_pages_with_weak_cells_keeps_what_was_synced() {
    // Its code takes its time.
    survives::<LargeNand>(2_000);
}

#[test]
fn the_same_seed_tells_the_same_history() {
    let told = |seed| history::<Nor>(seed, 300, Bug::None).unwrap();
    assert_eq!(told(7), told(7));
    assert_ne!(told(7), told(8));
}

/// The canary: a flash that loses what it said it had is found out.
#[test]
fn a_flash_that_forgets_what_it_acknowledged_is_found() {
    for seed in 0..3 {
        for found in [
            history::<Nor>(seed, 2000, Bug::ForgetsAtPull),
            history::<Ram>(seed, 2000, Bug::ForgetsAtPull),
            history::<SmallNand>(seed, 2000, Bug::ForgetsAtPull),
            history::<LargeNand>(seed, 2000, Bug::ForgetsAtPull),
        ] {
            let wrong = found.expect_err("it was not found");
            assert!(wrong.contains("pull"), "{wrong}");
        }
    }
}

#[test]
fn the_example_tells_the_truth() {
    example::main().unwrap();
}
