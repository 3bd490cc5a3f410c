//! The ioctls of `drm/drm.h`, by their numbers within the type 'd'.
//!
//! `drm_ioctl` of `drm_ioctl.c` looks at that number alone. How long the argument is and which way it goes it takes from
//! what its caller says, so that programs of other days are understood: what is missing is zero.

/// One ioctl, as `drm_ioctls` of `drm_ioctl.c` has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ioctl {
    /// Its name in `drm/drm.h`, without `DRM_IOCTL_`.
    pub name: &'static str,
    /// The whole number, as a program of today says it.
    pub command: u32,
    /// Whether only a client may that is authenticated: `DRM_AUTH`.
    pub auth: bool,
    /// Whether only the master may: `DRM_MASTER`.
    pub master: bool,
}

impl Ioctl {
    /// Its number within the type: `_IOC_NR`.
    pub const fn number(self) -> u8 {
        self.command as u8
    }

    /// The length of its argument in bytes: `_IOC_SIZE`.
    pub const fn size(self) -> usize {
        size_of(self.command)
    }

    /// The one that `command` means, whatever its length and direction; `None`: there is no such (EINVAL).
    pub fn of(command: u32) -> Option<Ioctl> {
        ALL.into_iter().find(|ioctl| ioctl.number() == command as u8)
    }

    /// How much of the argument is read, and how much of it is written (`drm_ioctl`).
    pub const fn lengths(self, command: u32) -> (usize, usize) {
        let (size, ways) = (size_of(command), command & self.command);
        (if ways & IN != 0 { size } else { 0 }, if ways & OUT != 0 { size } else { 0 })
    }
}

/// `_IOC_SIZE`
const fn size_of(command: u32) -> usize {
    (command >> 16 & 0x3fff) as usize
}

/// The argument is read: `IOC_IN`, which is what `_IOW` says.
pub const IN: u32 = 1 << 30;
/// The argument is written: `IOC_OUT`, which is what `_IOR` says.
pub const OUT: u32 = 2 << 30;

const fn number(way: u32, number: u32, size: u32) -> u32 {
    way | size << 16 | (b'd' as u32) << 8 | number
}

const BOTH: u32 = IN | OUT;

macro_rules! ioctls {
    ($($name:ident = $way:expr, $number:literal, $size:literal $(, $permit:ident)*;)*) => {
        $(
            #[doc = concat!("`DRM_IOCTL_", stringify!($name), "`")]
            pub const $name: u32 = number($way, $number, $size);
        )*
        /// All that there are.
        pub const ALL: [Ioctl; [$($name),*].len()] = [$(
            {
                #[allow(unused_mut, reason = "most of them may be called by anybody")]
                let mut ioctl = Ioctl { name: stringify!($name), command: $name, auth: false, master: false };
                $( ioctl.$permit = true; )*
                ioctl
            }
        ),*];
    };
}

#[rustfmt::skip]
ioctls! {
    VERSION               = BOTH, 0x00, 64;
    GET_UNIQUE            = BOTH, 0x01, 16;
    GET_MAGIC             = OUT,  0x02, 4;
    GET_CLIENT            = BOTH, 0x05, 40;
    GET_STATS             = OUT,  0x06, 248;
    SET_VERSION           = BOTH, 0x07, 16, master;
    GEM_CLOSE             = IN,   0x09, 8;
    GEM_FLINK             = BOTH, 0x0a, 8, auth;
    GEM_OPEN              = BOTH, 0x0b, 16, auth;
    GET_CAP               = BOTH, 0x0c, 16;
    SET_CLIENT_CAP        = IN,   0x0d, 16;
    AUTH_MAGIC            = IN,   0x11, 4, master;
    SET_MASTER            = 0,    0x1e, 0;
    DROP_MASTER           = 0,    0x1f, 0;
    PRIME_HANDLE_TO_FD    = BOTH, 0x2d, 12;
    PRIME_FD_TO_HANDLE    = BOTH, 0x2e, 12;
    WAIT_VBLANK           = BOTH, 0x3a, 24;
    CRTC_GET_SEQUENCE     = BOTH, 0x3b, 24;
    CRTC_QUEUE_SEQUENCE   = BOTH, 0x3c, 24;
    MODE_GETRESOURCES     = BOTH, 0xa0, 64;
    MODE_GETCRTC          = BOTH, 0xa1, 104;
    MODE_SETCRTC          = BOTH, 0xa2, 104, master;
    MODE_CURSOR           = BOTH, 0xa3, 28, master;
    MODE_GETGAMMA         = BOTH, 0xa4, 32;
    MODE_SETGAMMA         = BOTH, 0xa5, 32, master;
    MODE_GETENCODER       = BOTH, 0xa6, 20;
    MODE_GETCONNECTOR     = BOTH, 0xa7, 80;
    MODE_GETPROPERTY      = BOTH, 0xaa, 64;
    MODE_SETPROPERTY      = BOTH, 0xab, 16, master;
    MODE_GETPROPBLOB      = BOTH, 0xac, 16;
    MODE_GETFB            = BOTH, 0xad, 28;
    MODE_ADDFB            = BOTH, 0xae, 28;
    MODE_RMFB             = BOTH, 0xaf, 4;
    MODE_PAGE_FLIP        = BOTH, 0xb0, 24, master;
    MODE_DIRTYFB          = BOTH, 0xb1, 24, master;
    MODE_CREATE_DUMB      = BOTH, 0xb2, 32;
    MODE_MAP_DUMB         = BOTH, 0xb3, 16;
    MODE_DESTROY_DUMB     = BOTH, 0xb4, 4;
    MODE_GETPLANERESOURCES = BOTH, 0xb5, 16;
    MODE_GETPLANE         = BOTH, 0xb6, 32;
    MODE_SETPLANE         = BOTH, 0xb7, 48, master;
    MODE_ADDFB2           = BOTH, 0xb8, 104;
    MODE_OBJ_GETPROPERTIES = BOTH, 0xb9, 32;
    MODE_OBJ_SETPROPERTY  = BOTH, 0xba, 24, master;
    MODE_CURSOR2          = BOTH, 0xbb, 36, master;
    MODE_ATOMIC           = BOTH, 0xbc, 56, master;
    MODE_CREATEPROPBLOB   = BOTH, 0xbd, 16;
    MODE_DESTROYPROPBLOB  = BOTH, 0xbe, 4;
    MODE_CREATE_LEASE     = BOTH, 0xc6, 24, master;
    MODE_LIST_LESSEES     = BOTH, 0xc7, 16, master;
    MODE_GET_LEASE        = BOTH, 0xc8, 16, master;
    MODE_REVOKE_LEASE     = BOTH, 0xc9, 4, master;
    MODE_GETFB2           = BOTH, 0xce, 104;
    MODE_CLOSEFB          = BOTH, 0xd0, 8;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a C compiler makes of the header.
    #[test]
    fn the_numbers_are_those_of_the_header() {
        let known = [
            (VERSION, 0xc040_6400),
            (GET_MAGIC, 0x8004_6402),
            (SET_CLIENT_CAP, 0x4010_640d),
            (SET_MASTER, 0x641e),
            (WAIT_VBLANK, 0xc018_643a),
            (MODE_GETRESOURCES, 0xc040_64a0),
            (MODE_SETCRTC, 0xc068_64a2),
            (MODE_GETCONNECTOR, 0xc050_64a7),
            (MODE_ADDFB2, 0xc068_64b8),
            (MODE_ATOMIC, 0xc038_64bc),
            (MODE_CREATE_DUMB, 0xc020_64b2),
            (MODE_RMFB, 0xc004_64af),
            (PRIME_HANDLE_TO_FD, 0xc00c_642d),
        ];
        for (ours, its) in known {
            assert_eq!(ours, its, "{ours:#x}");
        }
    }

    #[test]
    fn each_is_found_by_its_number_whatever_its_length() {
        for ioctl in ALL {
            assert_eq!(Ioctl::of(ioctl.command), Some(ioctl));
            assert_eq!(Ioctl::of(ioctl.command & !(0x3fff << 16)), Some(ioctl), "{}", ioctl.name);
        }
        assert_eq!(Ioctl::of(0xc004_6440), None, "there are none of a driver's own");
        let short = Ioctl::of(MODE_GETRESOURCES).unwrap().lengths(MODE_GETRESOURCES - (8 << 16));
        assert_eq!(short, (56, 56));
        let one_way = Ioctl::of(GET_CAP).unwrap().lengths(GET_CAP & !OUT);
        assert_eq!(one_way, (16, 0));
    }
}
