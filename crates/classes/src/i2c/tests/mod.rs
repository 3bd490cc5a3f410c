//! The class on a model of a chip and a model of a client. What chips do is tested where they are modelled.

mod calls;
mod chip;
mod client;
mod contracts;
mod data;
mod life;
mod pieces;
mod random;
mod transactions;
