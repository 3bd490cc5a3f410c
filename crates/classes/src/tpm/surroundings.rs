//! What Linux shows of a TPM in /sys besides what it shows of any device (`drivers/char/tpm/tpm-sysfs.c`).

use super::Version;
use crate::{Kobject, Surroundings};

/// What a TPM of that version shows that is `kobjects` in the device model. The banks of its registers (`pcr-sha256`), each
/// of which the kernel asks the TPM for with commands of its own, are not among it.
pub(super) fn of(kobjects: &[Kobject], version: Version) -> Surroundings {
    let shown = Surroundings::of(kobjects);
    let [chip] = kobjects else { return shown };
    // `tpm_version_major_show`
    shown.text(chip.attribute("tpm_version_major"), format!("{}\n", version.major()))
}
