//! Groups by name: getgrnam_r(3).

use std::ffi::CString;

/// Larger entries are not looked at, in bytes: a group with hundreds of thousands of members.
const LARGEST: usize = 16 << 20;

/// The number of a group that is named, or given as its number. `None` if there is none.
pub(crate) fn id_of(group: &str) -> Option<u32> {
    let name = CString::new(group).ok()?;
    let mut room = vec![0_u8; 4096];
    loop {
        // SAFETY: a zeroed `group` is valid, as null pointers are.
        let mut entry: libc::group = unsafe { std::mem::zeroed() };
        let mut found = std::ptr::null_mut();
        // SAFETY: all four point to memory of ours that lives until the call returns, `room` with its own length.
        let result = unsafe {
            libc::getgrnam_r(name.as_ptr(), &raw mut entry, room.as_mut_ptr().cast(), room.len(), &raw mut found)
        };
        match result {
            libc::ERANGE if room.len() < LARGEST => room.resize(room.len() * 4, 0),
            libc::EINTR => {}
            _ if found.is_null() => return group.parse().ok(),
            _ => return Some(entry.gr_gid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::id_of;

    #[test]
    fn groups_go_by_name_or_number() {
        assert_eq!(id_of("root"), Some(0));
        assert_eq!(id_of("1234"), Some(1234));
        assert_eq!(id_of("no-such-group-here"), None);
        assert_eq!(id_of("a\0b"), None);
    }
}
