//! What a lab says of the parts of a flash: in a SPEC as the kernel's `mtdparts=` has it
//! (`drivers/mtd/parsers/cmdlinepart.c`), `256KiB(boot)+1MiB(env)ro+-(rest)`, but for the commas.

use super::config::ConfigError;
use outlive_classes::mtd::{Geometry, PartitionSpec};
use outlive_drivers::value;
use serde::{Deserialize, Serialize};

/// The longest name of a partition, in bytes: `BLKPG_DEVNAMELTH` of `linux/blkpg.h`, with a final zero.
const LONGEST_NAME: usize = 63;

/// A part of a flash, which is a device of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartitionEntry {
    /// Its name.
    pub name: String,
    /// Where it begins, in bytes; `None`: where the one before it ends.
    pub offset: Option<u64>,
    /// How long it is, in bytes; `None`: to the end of the flash.
    pub size: Option<u64>,
    /// Whether it can only be read.
    pub read_only: bool,
    /// Where it was asked for.
    pub place: String,
}

/// The partitions that the value of `parts=` describes; it stands at `place`.
///
/// # Errors
/// What is wrong, and what to write instead.
pub(super) fn parse(text: &str, place: &str) -> Result<Vec<PartitionEntry>, String> {
    text.split('+').enumerate().map(|(index, part)| parse_one(index, part, place)).collect()
}

fn parse_one(index: usize, text: &str, place: &str) -> Result<PartitionEntry, String> {
    let wrong = |why: String| format!("partition `{text}`: {why}");
    let (extent, rest) = match text.find('(') {
        Some(open) => (&text[..open], Some(&text[open + 1..])),
        None => (text, None),
    };
    let (name, flag) = match rest.map(|rest| rest.split_once(')')) {
        Some(Some((name, flag))) => (name.to_owned(), flag),
        Some(None) => return Err(wrong("a name ends with `)`, as in 256KiB(boot)".to_owned())),
        // `newpart` of cmdlinepart.c
        None => (format!("Partition_{index:03}"), ""),
    };
    let (extent, flag) = match (flag, extent.strip_suffix("ro")) {
        ("", Some(extent)) if rest.is_none() => (extent, "ro"),
        (flag, _) => (extent, flag),
    };
    let read_only = match flag {
        "" => false,
        "ro" => true,
        other => return Err(wrong(format!("`{other}` is not known; after the name there may be `ro`"))),
    };
    let (size, offset) = extent.split_once('@').map_or((extent, None), |(size, offset)| (size, Some(offset)));
    let number = |what: &str, text: &str| value::parse_size(text).map_err(|why| wrong(format!("the {what} {why}")));
    let size = if size == "-" { None } else { Some(number("size", size)?) };
    let offset = offset.map(|offset| number("offset", offset)).transpose()?;
    check_name(&name).map_err(wrong)?;
    Ok(PartitionEntry { name, offset, size, read_only, place: place.to_owned() })
}

/// A name of a partition: it stands in lists by lines.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let allowed = |c: char| !c.is_control() && c != '"';
    if (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(format!("{name:?} cannot name a partition; use 1 to {LONGEST_NAME} bytes without quotes and line breaks"))
}

/// Which parts of a flash of that geometry are meant. They may overlap.
///
/// # Errors
/// What cannot be, and where it was asked for. It is stricter than Linux, which cuts off what goes beyond the end, and lets
/// what does not begin and end at erase blocks be read only (`allocate_partition` of `drivers/mtd/mtdpart.c`).
pub(super) fn parts(entries: &[PartitionEntry], geometry: &Geometry) -> Result<Vec<PartitionSpec>, ConfigError> {
    let mut end = 0;
    let mut parts = Vec::new();
    for entry in entries {
        let PartitionEntry { name, read_only, .. } = entry;
        let wrong = |why: String| ConfigError::new(&entry.place, format!("partition `{name}`: {why}"));
        let offset = entry.offset.unwrap_or(end);
        let size = match entry.size {
            Some(size) => size,
            None => geometry.size.checked_sub(offset).ok_or_else(|| {
                wrong(format!("it begins at {offset:#x}, beyond the end of the flash at {:#x}", geometry.size))
            })?,
        };
        check_extent(offset, size, geometry).map_err(|why| wrong(format!("{size:#x} bytes at {offset:#x}: {why}")))?;
        end = offset + size;
        parts.push(PartitionSpec { name: name.clone(), offset, size, read_only: *read_only });
    }
    Ok(parts)
}

fn check_extent(offset: u64, size: u64, geometry: &Geometry) -> Result<(), String> {
    let erase_size = u64::from(geometry.erase_size);
    if size == 0 {
        return Err("it is empty; a partition has one erase block at least".to_owned());
    }
    if offset.checked_add(size).is_none_or(|end| end > geometry.size) {
        return Err(format!("it ends beyond the flash, which has {:#x} bytes", geometry.size));
    }
    if !offset.is_multiple_of(erase_size) || !size.is_multiple_of(erase_size) {
        return Err(format!("it does not begin and end at erase blocks, which have {erase_size:#x} bytes"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use outlive_classes::mtd::Kind;

    fn flash() -> Geometry {
        Geometry::without_pages(Kind::Nor, 0x80_0000, 0x1_0000)
    }

    fn found(text: &str) -> Result<Vec<(String, u64, u64, bool)>, String> {
        let parts = parts(&parse(text, "here")?, &flash()).map_err(|why| why.to_string())?;
        Ok(parts.into_iter().map(|it| (it.name, it.offset, it.size, it.read_only)).collect())
    }

    #[test]
    fn parts_follow_each_other_as_in_mtdparts() {
        assert_eq!(
            found("256KiB(boot)+1MiB(env)ro+-(rest)").unwrap(),
            [
                ("boot".to_owned(), 0, 0x4_0000, false),
                ("env".to_owned(), 0x4_0000, 0x10_0000, true),
                ("rest".to_owned(), 0x14_0000, 0x6c_0000, false)
            ]
        );
        assert_eq!(found("64KiB@0x10000+64KiBro").unwrap()[1], ("Partition_001".to_owned(), 0x2_0000, 0x1_0000, true));
        assert_eq!(found("64KiB(a)+64KiB@0(a)").unwrap().len(), 2, "they may overlap, and have one name");
    }

    #[test]
    fn what_cannot_be_is_told_with_its_reason() {
        for (text, why) in [
            ("9MiB(boot)", "ends beyond the flash"),
            ("64KiB@8MiB(boot)", "ends beyond the flash"),
            ("-@9MiB(boot)", "beyond the end of the flash at 0x800000"),
            ("0(boot)", "it is empty"),
            ("-(all)+-(rest)", "it is empty"),
            ("100(boot)", "erase blocks, which have 0x10000 bytes"),
            ("64KiB@1(boot)", "erase blocks"),
            ("64KiB(boot", "ends with `)`"),
            ("64KiB(boot)rw", "`rw` is not known"),
            ("64KB(boot)", "the size"),
            ("(boot)", "the size"),
            ("", "the size"),
            ("64KiB()", "cannot name a partition"),
            ("18446744073709551615@18446744073709551615", "ends beyond the flash"),
        ] {
            let told = found(text).unwrap_err();
            assert!(told.contains(why), "{text}: {told}");
        }
    }
}
