//! The thread that copies for a [`SoftwareEngine`](outlive_drivers::dma::SoftwareEngine).

mod worker;

pub use worker::Worker;
