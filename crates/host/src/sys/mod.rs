//! System calls that no crate wraps, each behind a safe function. The only unsafe code outside the gate.
#![expect(unsafe_code, reason = "system calls; each block says why it is sound")]

pub(crate) mod child;
pub(crate) mod confinement;
pub(crate) mod fasync;
pub(crate) mod group;
pub(crate) mod inherited;
pub(crate) mod memory;
pub(crate) mod process;
pub(crate) mod seccomp;
pub(crate) mod shared_memory;
pub(crate) mod socket;
pub(crate) mod spawn;
pub(crate) mod table;
pub(crate) mod tracee;
