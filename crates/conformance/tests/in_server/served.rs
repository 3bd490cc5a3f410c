//! A class whose driver is in a server.

use super::{SERVER, far::Away};
use crate::on_front::Class;
use outlive_classes::Hardware;
use outlive_conformance::{Badge, FarEnd};
use outlive_host::lab::{DeviceConfig, Lab, Reach, ServerSettings, parse_spec};
use std::{marker::PhantomData, sync::Arc};

/// A class that a server can have, in one.
#[derive(Clone, Copy)]
pub(crate) struct InServer<C>(PhantomData<C>);

impl<C: Class> Class for InServer<C> {
    type Socket = Away;

    const NAME: &'static str = C::NAME;
    const PREFIX: &'static str = C::PREFIX;
    const CALLS: &'static [&'static str] = C::CALLS;
    const FAILED: &'static str = C::FAILED;
    const ALWAYS_READABLE: bool = C::ALWAYS_READABLE;
    const ONE_CALL_AT_A_TIME: bool = C::ONE_CALL_AT_A_TIME;
    const ASKS: Option<&'static str> = C::ASKS;
    const RECEIVES: &'static str = C::RECEIVES;
    const DRIVER_IS_ELSEWHERE: bool = true;

    fn excuse(statement: u8) -> Option<&'static str> {
        match statement {
            6 => Some("no call in a server holds a removal up, which is checked with I2"),
            7 => Some("what runs in a server is outside of the fence, and what comes of it reaches nobody"),
            _ => C::excuse(statement),
        }
    }

    fn driver(_: &Arc<FarEnd>, _: Badge) -> (Arc<Away>, Hardware) {
        unreachable!("it is in the server")
    }

    fn plug(lab: &Lab, far: &Arc<FarEnd>, badge: Badge) -> (Arc<Away>, String) {
        let away = Away::new(far, badge);
        let program = std::env::current_exe().expect("a path").into_os_string().into_string().expect("UTF-8");
        let words = [program, SERVER.into(), C::NAME.into(), away.path(), away.place().to_string()];
        let mut device =
            parse_spec(&format!("{}:server,deadline=30s,command=true", C::NAME), "the test").expect("a spec");
        let settings = settings(&mut device);
        settings.reach = Reach::Command(words.into());
        settings.shared = true;
        let name = lab.plug(&device).unwrap_or_else(|error| panic!("{error}"));
        away.wait_for_server();
        (away, name)
    }
}

fn settings(device: &mut DeviceConfig) -> &mut ServerSettings {
    &mut device.server_mut().expect("the spec says so").settings
}
