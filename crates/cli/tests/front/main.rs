//! Real, unmodified programs on the run front: each test says what the program printed and returned.

mod around;
mod bad_input;
mod clients;
mod contracts;
mod descriptors;
mod input;
mod killed;
mod languages;
mod mtd;
mod policies;
mod removal;
mod roads;
mod scale;
mod served;
mod server_lives;
mod servers;
mod signals;
mod stage;
mod status;
mod tpm;
mod uevents;
mod uinput;
mod uio;
mod ways;
