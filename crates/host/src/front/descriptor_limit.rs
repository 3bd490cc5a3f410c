//! How many descriptors this process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Takes as many as it may have: a front needs one for each device, or as many as its clients' processes together. What
/// is started afterwards inherits that, so a client is forked before.
pub(super) fn raise() {
    let limit = getrlimit(Resource::Nofile);
    // If it stays as it is, large labs and trees may find it too low; most do not.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}
