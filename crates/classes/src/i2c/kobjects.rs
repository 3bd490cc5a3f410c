//! What a bus is in the device model: the adapter, its node, and the chips that a driver in the kernel has claimed.

use super::{Claim, uapi};
use crate::{
    Kobject, Node,
    kobject::{ROOT, Subsystem},
};

/// Parents first. The adapter is of the bus type `i2c` and the node of the class `i2c-dev`, as in
/// `drivers/i2c/i2c-core-base.c` and `i2c-dev.c`; a chip is named by bus and address (`i2c_dev_set_name`).
pub(super) fn kobjects(node: &Node, claims: &[Claim]) -> Vec<Kobject> {
    debug_assert_eq!(node.major, uapi::MAJOR);
    let (name, bus) = (&node.name, node.minor);
    let adapter = format!("{ROOT}/{name}");
    let plain = |devpath, subsystem| Kobject {
        devpath,
        subsystem,
        driver: None,
        properties: Vec::new(),
        udev: Vec::new(),
        tags: Vec::new(),
        node: None,
    };
    let device =
        Kobject { node: Some(node.clone()), ..plain(format!("{adapter}/i2c-dev/{name}"), Subsystem::Class("i2c-dev")) };
    let chip = |claim: &Claim| Kobject {
        driver: Some(claim.driver.clone()),
        properties: vec![("MODALIAS", format!("i2c:{}", claim.chip))],
        ..plain(format!("{adapter}/{bus}-{:04x}", claim.address), Subsystem::Bus("i2c"))
    };
    let chips: Vec<_> = claims.iter().map(chip).collect();
    [plain(adapter.clone(), Subsystem::Bus("i2c")), device].into_iter().chain(chips).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_is_where_linux_would_have_it() {
        let node =
            Node { name: "i2c-7".into(), major: 89, minor: 7, positioned: false, mapped: false, read_only: false };
        let claims = [Claim { address: 0x50, chip: "24c02".into(), driver: "at24".into() }];
        let kobjects = kobjects(&node, &claims);
        let seen: Vec<_> = kobjects.iter().map(|it| (it.devpath.as_str(), it.sysname(), it.udev_id())).collect();
        let wanted = [
            ("/devices/platform/outlive.0/i2c-7", "i2c-7", "+i2c:i2c-7".to_owned()),
            ("/devices/platform/outlive.0/i2c-7/i2c-dev/i2c-7", "i2c-7", "c89:7".to_owned()),
            ("/devices/platform/outlive.0/i2c-7/7-0050", "7-0050", "+i2c:7-0050".to_owned()),
        ];
        assert_eq!(seen, wanted);
        assert_eq!(kobjects[2].properties, [("MODALIAS", "i2c:24c02".to_owned())]);
    }
}
