//! Who is who: the version, the master, who is let in, and what each can (`drm_ioctl.c`, `drm_auth.c`).

use super::{
    client::Magic,
    kms::Kms,
    reply::Reply,
    uapi::{
        self, cap, client_cap,
        ioctl::Ioctl,
        layout::{Cap, Client as Who, One, SetVersion, Unique, Version},
    },
};
use crate::{Caller, Errno};

/// The version of the driver: major, minor, patch level.
const DRIVER: (i32, i32, i32) = (1, 0, 0);
/// `overflowuid` as it is by default: DEFAULT_OVERFLOWUID of `linux/highuid.h`.
const OVERFLOW_USER: u64 = 65534;
/// Where others have the day of their last change; Linux says this since 6.14.
const DATE: &str = "0";

impl Kms {
    /// Whether a client may call that at all (`drm_ioctl_permit`).
    ///
    /// # Errors
    /// EACCES
    pub(super) fn permit(&self, client: u64, ioctl: Ioctl) -> Result<(), Errno> {
        let let_in = self.clients.get(&client).is_some_and(|client| client.authenticated);
        let refused = ioctl.auth && !let_in || ioctl.master && self.master != Some(client);
        if refused { Err(Errno::ACCESS) } else { Ok(()) }
    }

    pub(super) fn version(&self, mut asked: Version) -> Reply {
        let arrays = [
            (asked.name, asked.name_length, &*self.description.name),
            (asked.date, asked.date_length, DATE),
            (asked.description, asked.description_length, &*self.description.about),
        ];
        // Nowhere is nothing to write to (`drm_copy_field`).
        let arrays = arrays.into_iter().filter(|(to, ..)| *to != 0);
        let arrays = arrays.map(|(to, room, text)| (to, text.as_bytes()[..text.len().min(room as usize)].to_vec()));
        let arrays = arrays.collect();
        (asked.major, asked.minor, asked.patchlevel) = DRIVER;
        asked.name_length = self.description.name.len() as u64;
        asked.date_length = DATE.len() as u64;
        asked.description_length = self.description.about.len() as u64;
        Reply { record: asked.to_bytes(), arrays, lend: None }
    }

    /// `drm_getunique`: it is known once the master has said which interface it speaks.
    pub(super) fn unique(&self, client: u64, mut asked: Unique) -> Reply {
        let named = self.clients.get(&client).is_some_and(|client| self.named.contains(&client.group));
        let unique = if named { self.unique.as_bytes() } else { &[] };
        let room = asked.length as usize;
        let arrays = if room >= unique.len() { vec![(asked.unique, unique.to_vec())] } else { Vec::new() };
        asked.length = unique.len() as u64;
        Reply { record: asked.to_bytes(), arrays, lend: None }
    }

    /// `drm_setversion`
    pub(super) fn set_version(&mut self, client: u64, asked: SetVersion) -> Result<Reply, Errno> {
        let known = |asked: (i32, i32), known: (i32, i32)| {
            asked.0 == -1 || asked.0 == known.0 && (0..=known.1).contains(&asked.1)
        };
        if !known((asked.interface_major, asked.interface_minor), uapi::INTERFACE) {
            return Err(Errno::INVAL);
        }
        if asked.interface_major != -1 && asked.interface_minor >= 1 {
            let group = self.client(client).group;
            self.named.insert(group);
        }
        if !known((asked.driver_major, asked.driver_minor), (DRIVER.0, DRIVER.1)) {
            return Err(Errno::INVAL);
        }
        let (interface_major, interface_minor) = uapi::INTERFACE;
        let (driver_major, driver_minor, _) = DRIVER;
        Ok(Reply::of(SetVersion { interface_major, interface_minor, driver_major, driver_minor }.to_bytes()))
    }

    /// `drm_getclient`: of oneself only.
    pub(super) fn who(&self, client: u64, mut asked: Who, caller: Option<Caller>) -> Result<Reply, Errno> {
        if asked.index != 0 {
            return Err(Errno::INVAL);
        }
        asked.auth = self.clients.get(&client).is_some_and(|client| client.authenticated).into();
        // Linux says its thread, and of its user nothing.
        asked.pid = caller.map_or(0, |caller| caller.thread.into());
        (asked.uid, asked.magic, asked.calls) = (OVERFLOW_USER, 0, 0);
        Ok(Reply::of(asked.to_bytes()))
    }

    /// `drm_getmagic`
    pub(super) fn magic(&mut self, client: u64) -> Reply {
        let group = self.client(client).group;
        let fresh = Magic { number: self.new_magic(group), group, used: false };
        let number = self.client(client).magic.get_or_insert(fresh).number;
        Reply::of(One { number }.to_bytes())
    }

    /// `drm_authmagic`: a magic number lets in once, and only its own master does.
    pub(super) fn authenticate(&mut self, client: u64, number: u32) -> Result<Reply, Errno> {
        let its = Some(Magic { number, group: self.client(client).group, used: false });
        let whose = self.clients.values_mut().find(|client| client.magic == its).ok_or(Errno::INVAL)?;
        whose.authenticated = true;
        whose.magic.iter_mut().for_each(|magic| magic.used = true);
        Ok(Reply::default())
    }

    /// `drm_master_check_perm`: who opened the file may, if it has been the master; and CAP_SYS_ADMIN. Of a front that does
    /// not tell who calls each is taken for who opened it.
    fn may_be_master(&mut self, client: u64, caller: Option<Caller>) -> Result<(), Errno> {
        let its = self.client(client);
        let opened_it = its.opener.is_none() || caller.is_none_or(|caller| its.opener == Some(caller.process));
        let may = its.was_master && opened_it || caller.is_some_and(|caller| caller.is_admin);
        if may { Ok(()) } else { Err(Errno::ACCESS) }
    }

    /// `drm_setmaster_ioctl`: who has not been the master before is one of its own now (`drm_new_set_master`).
    pub(super) fn set_master(&mut self, client: u64, caller: Option<Caller>) -> Result<Reply, Errno> {
        self.may_be_master(client, caller)?;
        match self.master {
            Some(master) if master == client => {}
            Some(_) => return Err(Errno::BUSY),
            None => {
                self.master = Some(client);
                let its = self.client(client);
                (its.authenticated, its.was_master, its.group) = (true, true, client);
            }
        }
        Ok(Reply::default())
    }

    /// `drm_dropmaster_ioctl`
    pub(super) fn drop_master(&mut self, client: u64, caller: Option<Caller>) -> Result<Reply, Errno> {
        self.may_be_master(client, caller)?;
        self.master.take_if(|master| *master == client).map(|_| Reply::default()).ok_or(Errno::INVAL)
    }

    /// `drm_getcap`
    pub(super) fn capability(&self, mut asked: Cap) -> Result<Reply, Errno> {
        asked.value = match asked.capability {
            cap::DUMB_BUFFER | cap::VBLANK_HIGH_CRTC | cap::TIMESTAMP_MONOTONIC => 1,
            cap::ADDFB2_MODIFIERS | cap::CRTC_IN_VBLANK_EVENT => 1,
            cap::DUMB_PREFERRED_DEPTH => 24,
            cap::PRIME => cap::PRIME_BOTH,
            cap::CURSOR_WIDTH | cap::CURSOR_HEIGHT => self.description.cursor.into(),
            cap::DUMB_PREFER_SHADOW | cap::ASYNC_PAGE_FLIP | cap::PAGE_FLIP_TARGET => 0,
            cap::SYNCOBJ | cap::SYNCOBJ_TIMELINE | cap::ATOMIC_ASYNC_PAGE_FLIP => 0,
            _ => return Err(Errno::INVAL),
        };
        Ok(Reply::of(asked.to_bytes()))
    }

    /// `drm_setclientcap`
    pub(super) fn set_client_cap(&mut self, client: u64, asked: Cap) -> Result<Reply, Errno> {
        let its = self.client(client);
        match (asked.capability, asked.value) {
            (client_cap::STEREO_3D | client_cap::ASPECT_RATIO, 0..=1) => {}
            (client_cap::UNIVERSAL_PLANES, value @ 0..=1) => its.universal_planes = value == 1,
            // 2: a compositor that is not X.
            (client_cap::ATOMIC, value @ 0..=2) => {
                (its.atomic, its.universal_planes) = (value > 0, value > 0);
            }
            // Accepted, though there are none.
            (client_cap::WRITEBACK_CONNECTORS, 0..=1) if its.atomic => {}
            // The card's cursor is where its client says.
            (client_cap::CURSOR_PLANE_HOTSPOT, _) => return Err(Errno::OPNOTSUPP),
            _ => return Err(Errno::INVAL),
        }
        Ok(Reply::default())
    }
}
