//! What `drivers/gpu/drm/drm_sysfs.c` shows of a card in /sys besides what Linux shows of any device: its connectors.

use super::{Mode, driver, hub::Hub, kms::connector_id};
use crate::{Errno, Kobject, Surroundings};
use std::sync::{Arc, Weak};

/// What a card shows that is `kobjects` in the device model.
pub(super) fn of(kobjects: &[Kobject], hub: &Arc<Hub>) -> Surroundings {
    let shown = Surroundings::of(kobjects);
    let Some((card, connectors)) = kobjects.split_first() else { return shown };
    let weak = Arc::downgrade(hub);
    connectors.iter().enumerate().fold(shown, |shown, (number, connector)| {
        connector_of(shown.link(connector.attribute("device"), card.directory()), connector, number, &weak)
    })
}

fn connector_of(shown: Surroundings, connector: &Kobject, number: usize, hub: &Weak<Hub>) -> Surroundings {
    let said = |say: fn(&Hub, usize) -> Vec<u8>| {
        let hub = hub.clone();
        move || hub.upgrade().map(|hub| say(&hub, number)).ok_or(Errno::NODEV)
    };
    shown
        .attribute(connector.attribute("status"), said(status))
        .attribute(connector.attribute("enabled"), said(enabled))
        .attribute(connector.attribute("dpms"), said(dpms))
        .attribute(connector.attribute("modes"), said(modes))
        .attribute(connector.attribute("edid"), said(edid))
        .text(connector.attribute("connector_id"), format!("{}\n", connector_id(number)))
}

fn line(text: &str) -> Vec<u8> {
    format!("{text}\n").into_bytes()
}

fn status(hub: &Hub, number: usize) -> Vec<u8> {
    line(driver::status(hub.hanging(number).is_some()))
}

fn enabled(hub: &Hub, number: usize) -> Vec<u8> {
    line(if hub.in_use(number).0 { "enabled" } else { "disabled" })
}

fn dpms(hub: &Hub, number: usize) -> Vec<u8> {
    line(if hub.in_use(number).1 { "Off" } else { "On" })
}

fn modes(hub: &Hub, number: usize) -> Vec<u8> {
    let modes = hub.hanging(number).map(|monitor| monitor.modes).unwrap_or_default();
    modes.iter().map(Mode::name).flat_map(|name| line(&name)).collect()
}

fn edid(hub: &Hub, number: usize) -> Vec<u8> {
    hub.hanging(number).map(|monitor| monitor.edid).unwrap_or_default()
}
