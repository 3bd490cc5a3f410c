//! How long a command may take: what Linux grants each (`tpm2_ordinal_duration_index` of `drivers/char/tpm/tpm2-cmd.c`,
//! the durations in `tpm.h`).

use outlive_classes::tpm::uapi;
use std::time::Duration;

/// What makes keys: CreatePrimary, Create, CreateLoaded (`TPM2_DURATION_LONG_LONG`).
const KEYS: [u32; 3] = [0x131, 0x153, 0x191];
/// What is quick: up to `TPM2_DURATION_LONG`. Linux grants some of these less, but it has a chip to itself and we have a
/// process among others. SelfTest, Startup, Hash, NV_Read, HMAC's parts, GetCapability, GetRandom, PCR_Extend, VerifySignature,
/// and the three of hierarchies.
const QUICK: [u32; 13] = [0x121, 0x129, 0x143, 0x144, 0x14e, 0x15c, 0x13e, 0x177, 0x17a, 0x17b, 0x17d, 0x182, 0x186];

/// How long `command` may take.
pub(super) fn granted(command: &[u8]) -> Duration {
    match uapi::code(command) {
        Some(code) if KEYS.contains(&code) => Duration::from_secs(300),
        Some(code) if QUICK.contains(&code) => Duration::from_secs(2),
        // `TPM2_DURATION_DEFAULT`
        _ => Duration::from_secs(120),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_take_their_time() {
        for (code, seconds) in [(0x31, 300), (0x7b, 2), (0x5d, 120)] {
            assert_eq!(granted(&[0x80, 1, 0, 0, 0, 10, 0, 0, 1, code]), Duration::from_secs(seconds));
        }
        assert_eq!(granted(&[0x80]), Duration::from_secs(120));
    }
}
