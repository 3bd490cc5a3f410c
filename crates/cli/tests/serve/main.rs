//! `outlive serve`, end to end: nodes that the whole machine sees, through CUSE.
//!
//! These tests need root and /dev/cuse, and change /dev; so they are for a guest of their own (`cargo xtask guest`), and a
//! plain `cargo test` leaves them out.

mod around;
mod bad_input;
mod clients;
mod full;
mod input;
mod killed;
mod load;
mod removal;
mod stage;
mod tpm;
