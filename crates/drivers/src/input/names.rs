//! The names of codes, from `linux/input-event-codes.h`: in small letters, without what their type begins with.

use outlive_classes::input::uapi::ev;

/// The code of that name, or of that number, and of that type. A key is called `a` or `key_a`, a button `btn_left`.
pub(super) fn code(kind: u16, word: &str) -> Option<u16> {
    let word = word.to_ascii_lowercase();
    if let Ok(number) = crate::value::parse_integer(&word)
        && (word.starts_with("0x") || kind != ev::KEY)
    {
        return u16::try_from(number).ok();
    }
    let bare = prefix(kind).and_then(|prefix| word.strip_prefix(prefix)).unwrap_or(&word);
    table(kind).iter().find(|(name, _)| *name == bare).map(|(_, code)| *code)
}

/// What a code is called; a key's first name.
pub(super) fn name(kind: u16, code: u16) -> String {
    let known = table(kind).iter().find(|(_, known)| *known == code);
    known.map_or_else(|| format!("{code:#x}"), |(name, _)| (*name).to_owned())
}

const fn prefix(kind: u16) -> Option<&'static str> {
    match kind {
        ev::KEY => Some("key_"),
        ev::REL => Some("rel_"),
        ev::ABS => Some("abs_"),
        ev::MSC => Some("msc_"),
        ev::SW => Some("sw_"),
        ev::LED => Some("led_"),
        _ => None,
    }
}

const fn table(kind: u16) -> &'static [(&'static str, u16)] {
    match kind {
        ev::KEY => KEYS,
        ev::REL => RELATIVE,
        ev::ABS => ABSOLUTE,
        ev::MSC => MISC,
        ev::SW => SWITCHES,
        ev::LED => LEDS,
        _ => &[],
    }
}

#[rustfmt::skip]
const KEYS: &[(&str, u16)] = &[
    ("esc", 0x1), ("1", 0x2), ("2", 0x3), ("3", 0x4), ("4", 0x5), ("5", 0x6), ("6", 0x7), ("7", 0x8), ("8", 0x9),
    ("9", 0xa), ("0", 0xb), ("minus", 0xc), ("equal", 0xd), ("backspace", 0xe), ("tab", 0xf), ("q", 0x10),
    ("w", 0x11), ("e", 0x12), ("r", 0x13), ("t", 0x14), ("y", 0x15), ("u", 0x16), ("i", 0x17), ("o", 0x18),
    ("p", 0x19), ("leftbrace", 0x1a), ("rightbrace", 0x1b), ("enter", 0x1c), ("leftctrl", 0x1d), ("a", 0x1e),
    ("s", 0x1f), ("d", 0x20), ("f", 0x21), ("g", 0x22), ("h", 0x23), ("j", 0x24), ("k", 0x25), ("l", 0x26),
    ("semicolon", 0x27), ("apostrophe", 0x28), ("grave", 0x29), ("leftshift", 0x2a), ("backslash", 0x2b), ("z", 0x2c),
    ("x", 0x2d), ("c", 0x2e), ("v", 0x2f), ("b", 0x30), ("n", 0x31), ("m", 0x32), ("comma", 0x33), ("dot", 0x34),
    ("slash", 0x35), ("rightshift", 0x36), ("kpasterisk", 0x37), ("leftalt", 0x38), ("space", 0x39),
    ("capslock", 0x3a), ("f1", 0x3b), ("f2", 0x3c), ("f3", 0x3d), ("f4", 0x3e), ("f5", 0x3f), ("f6", 0x40),
    ("f7", 0x41), ("f8", 0x42), ("f9", 0x43), ("f10", 0x44), ("numlock", 0x45), ("scrolllock", 0x46), ("kp7", 0x47),
    ("kp8", 0x48), ("kp9", 0x49), ("kpminus", 0x4a), ("kp4", 0x4b), ("kp5", 0x4c), ("kp6", 0x4d), ("kpplus", 0x4e),
    ("kp1", 0x4f), ("kp2", 0x50), ("kp3", 0x51), ("kp0", 0x52), ("kpdot", 0x53), ("zenkakuhankaku", 0x55),
    ("102nd", 0x56), ("f11", 0x57), ("f12", 0x58), ("ro", 0x59), ("katakana", 0x5a), ("hiragana", 0x5b),
    ("henkan", 0x5c), ("katakanahiragana", 0x5d), ("muhenkan", 0x5e), ("kpjpcomma", 0x5f), ("kpenter", 0x60),
    ("rightctrl", 0x61), ("kpslash", 0x62), ("sysrq", 0x63), ("rightalt", 0x64), ("linefeed", 0x65), ("home", 0x66),
    ("up", 0x67), ("pageup", 0x68), ("left", 0x69), ("right", 0x6a), ("end", 0x6b), ("down", 0x6c),
    ("pagedown", 0x6d), ("insert", 0x6e), ("delete", 0x6f), ("macro", 0x70), ("mute", 0x71), ("volumedown", 0x72),
    ("volumeup", 0x73), ("power", 0x74), ("kpequal", 0x75), ("kpplusminus", 0x76), ("pause", 0x77), ("scale", 0x78),
    ("kpcomma", 0x79), ("hangeul", 0x7a), ("hanguel", 0x7a), ("hanja", 0x7b), ("yen", 0x7c), ("leftmeta", 0x7d),
    ("rightmeta", 0x7e), ("compose", 0x7f), ("stop", 0x80), ("again", 0x81), ("props", 0x82), ("undo", 0x83),
    ("front", 0x84), ("copy", 0x85), ("open", 0x86), ("paste", 0x87), ("find", 0x88), ("cut", 0x89), ("help", 0x8a),
    ("menu", 0x8b), ("calc", 0x8c), ("setup", 0x8d), ("sleep", 0x8e), ("wakeup", 0x8f), ("file", 0x90),
    ("sendfile", 0x91), ("deletefile", 0x92), ("xfer", 0x93), ("prog1", 0x94), ("prog2", 0x95), ("www", 0x96),
    ("msdos", 0x97), ("coffee", 0x98), ("screenlock", 0x98), ("rotate_display", 0x99), ("direction", 0x99),
    ("cyclewindows", 0x9a), ("mail", 0x9b), ("bookmarks", 0x9c), ("computer", 0x9d), ("back", 0x9e),
    ("forward", 0x9f), ("closecd", 0xa0), ("ejectcd", 0xa1), ("ejectclosecd", 0xa2), ("nextsong", 0xa3),
    ("playpause", 0xa4), ("previoussong", 0xa5), ("stopcd", 0xa6), ("record", 0xa7), ("rewind", 0xa8),
    ("phone", 0xa9), ("iso", 0xaa), ("config", 0xab), ("homepage", 0xac), ("refresh", 0xad), ("exit", 0xae),
    ("move", 0xaf), ("edit", 0xb0), ("scrollup", 0xb1), ("scrolldown", 0xb2), ("kpleftparen", 0xb3),
    ("kprightparen", 0xb4), ("new", 0xb5), ("redo", 0xb6), ("f13", 0xb7), ("f14", 0xb8), ("f15", 0xb9), ("f16", 0xba),
    ("f17", 0xbb), ("f18", 0xbc), ("f19", 0xbd), ("f20", 0xbe), ("f21", 0xbf), ("f22", 0xc0), ("f23", 0xc1),
    ("f24", 0xc2), ("playcd", 0xc8), ("pausecd", 0xc9), ("prog3", 0xca), ("prog4", 0xcb), ("all_applications", 0xcc),
    ("dashboard", 0xcc), ("suspend", 0xcd), ("close", 0xce), ("play", 0xcf), ("fastforward", 0xd0),
    ("bassboost", 0xd1), ("print", 0xd2), ("hp", 0xd3), ("camera", 0xd4), ("sound", 0xd5), ("question", 0xd6),
    ("email", 0xd7), ("chat", 0xd8), ("search", 0xd9), ("connect", 0xda), ("finance", 0xdb), ("sport", 0xdc),
    ("shop", 0xdd), ("alterase", 0xde), ("cancel", 0xdf), ("brightnessdown", 0xe0), ("brightnessup", 0xe1),
    ("media", 0xe2), ("switchvideomode", 0xe3), ("kbdillumtoggle", 0xe4), ("kbdillumdown", 0xe5),
    ("kbdillumup", 0xe6), ("send", 0xe7), ("reply", 0xe8), ("forwardmail", 0xe9), ("save", 0xea), ("documents", 0xeb),
    ("battery", 0xec), ("bluetooth", 0xed), ("wlan", 0xee), ("uwb", 0xef), ("unknown", 0xf0), ("video_next", 0xf1),
    ("video_prev", 0xf2), ("brightness_cycle", 0xf3), ("brightness_auto", 0xf4), ("brightness_zero", 0xf4),
    ("display_off", 0xf5), ("wwan", 0xf6), ("wimax", 0xf6), ("rfkill", 0xf7), ("micmute", 0xf8), ("btn_misc", 0x100),
    ("btn_0", 0x100), ("btn_1", 0x101), ("btn_2", 0x102), ("btn_3", 0x103), ("btn_4", 0x104), ("btn_5", 0x105),
    ("btn_6", 0x106), ("btn_7", 0x107), ("btn_8", 0x108), ("btn_9", 0x109), ("btn_mouse", 0x110), ("btn_left", 0x110),
    ("btn_right", 0x111), ("btn_middle", 0x112), ("btn_side", 0x113), ("btn_extra", 0x114), ("btn_forward", 0x115),
    ("btn_back", 0x116), ("btn_task", 0x117), ("btn_joystick", 0x120), ("btn_trigger", 0x120), ("btn_thumb", 0x121),
    ("btn_thumb2", 0x122), ("btn_top", 0x123), ("btn_top2", 0x124), ("btn_pinkie", 0x125), ("btn_base", 0x126),
    ("btn_base2", 0x127), ("btn_base3", 0x128), ("btn_base4", 0x129), ("btn_base5", 0x12a), ("btn_base6", 0x12b),
    ("btn_dead", 0x12f), ("btn_gamepad", 0x130), ("btn_south", 0x130), ("btn_a", 0x130), ("btn_east", 0x131),
    ("btn_b", 0x131), ("btn_c", 0x132), ("btn_north", 0x133), ("btn_x", 0x133), ("btn_west", 0x134), ("btn_y", 0x134),
    ("btn_z", 0x135), ("btn_tl", 0x136), ("btn_tr", 0x137), ("btn_tl2", 0x138), ("btn_tr2", 0x139),
    ("btn_select", 0x13a), ("btn_start", 0x13b), ("btn_mode", 0x13c), ("btn_thumbl", 0x13d), ("btn_thumbr", 0x13e),
    ("btn_digi", 0x140), ("btn_tool_pen", 0x140), ("btn_tool_rubber", 0x141), ("btn_tool_brush", 0x142),
    ("btn_tool_pencil", 0x143), ("btn_tool_airbrush", 0x144), ("btn_tool_finger", 0x145), ("btn_tool_mouse", 0x146),
    ("btn_tool_lens", 0x147), ("btn_tool_quinttap", 0x148), ("btn_stylus3", 0x149), ("btn_touch", 0x14a),
    ("btn_stylus", 0x14b), ("btn_stylus2", 0x14c), ("btn_tool_doubletap", 0x14d), ("btn_tool_tripletap", 0x14e),
    ("btn_tool_quadtap", 0x14f), ("btn_wheel", 0x150), ("btn_gear_down", 0x150), ("btn_gear_up", 0x151),
    ("ok", 0x160), ("select", 0x161), ("goto", 0x162), ("clear", 0x163), ("power2", 0x164), ("option", 0x165),
    ("info", 0x166), ("time", 0x167), ("vendor", 0x168), ("archive", 0x169), ("program", 0x16a), ("channel", 0x16b),
    ("favorites", 0x16c), ("epg", 0x16d), ("pvr", 0x16e), ("mhp", 0x16f), ("language", 0x170), ("title", 0x171),
    ("subtitle", 0x172), ("angle", 0x173), ("full_screen", 0x174), ("zoom", 0x174), ("mode", 0x175),
    ("keyboard", 0x176), ("aspect_ratio", 0x177), ("screen", 0x177), ("pc", 0x178), ("tv", 0x179), ("tv2", 0x17a),
    ("vcr", 0x17b), ("vcr2", 0x17c), ("sat", 0x17d), ("sat2", 0x17e), ("cd", 0x17f), ("tape", 0x180),
    ("radio", 0x181), ("tuner", 0x182), ("player", 0x183), ("text", 0x184), ("dvd", 0x185), ("aux", 0x186),
    ("mp3", 0x187), ("audio", 0x188), ("video", 0x189), ("directory", 0x18a), ("list", 0x18b), ("memo", 0x18c),
    ("calendar", 0x18d), ("red", 0x18e), ("green", 0x18f), ("yellow", 0x190), ("blue", 0x191), ("channelup", 0x192),
    ("channeldown", 0x193), ("first", 0x194), ("last", 0x195), ("ab", 0x196), ("next", 0x197), ("restart", 0x198),
    ("slow", 0x199), ("shuffle", 0x19a), ("break", 0x19b), ("previous", 0x19c), ("digits", 0x19d), ("teen", 0x19e),
    ("twen", 0x19f), ("videophone", 0x1a0), ("games", 0x1a1), ("zoomin", 0x1a2), ("zoomout", 0x1a3),
    ("zoomreset", 0x1a4), ("wordprocessor", 0x1a5), ("editor", 0x1a6), ("spreadsheet", 0x1a7),
    ("graphicseditor", 0x1a8), ("presentation", 0x1a9), ("database", 0x1aa), ("news", 0x1ab), ("voicemail", 0x1ac),
    ("addressbook", 0x1ad), ("messenger", 0x1ae), ("displaytoggle", 0x1af), ("brightness_toggle", 0x1af),
    ("spellcheck", 0x1b0), ("logoff", 0x1b1), ("dollar", 0x1b2), ("euro", 0x1b3), ("frameback", 0x1b4),
    ("frameforward", 0x1b5), ("context_menu", 0x1b6), ("media_repeat", 0x1b7), ("10channelsup", 0x1b8),
    ("10channelsdown", 0x1b9), ("images", 0x1ba), ("notification_center", 0x1bc), ("pickup_phone", 0x1bd),
    ("hangup_phone", 0x1be), ("link_phone", 0x1bf), ("del_eol", 0x1c0), ("del_eos", 0x1c1), ("ins_line", 0x1c2),
    ("del_line", 0x1c3), ("fn", 0x1d0), ("fn_esc", 0x1d1), ("fn_f1", 0x1d2), ("fn_f2", 0x1d3), ("fn_f3", 0x1d4),
    ("fn_f4", 0x1d5), ("fn_f5", 0x1d6), ("fn_f6", 0x1d7), ("fn_f7", 0x1d8), ("fn_f8", 0x1d9), ("fn_f9", 0x1da),
    ("fn_f10", 0x1db), ("fn_f11", 0x1dc), ("fn_f12", 0x1dd), ("fn_1", 0x1de), ("fn_2", 0x1df), ("fn_d", 0x1e0),
    ("fn_e", 0x1e1), ("fn_f", 0x1e2), ("fn_s", 0x1e3), ("fn_b", 0x1e4), ("fn_right_shift", 0x1e5),
    ("brl_dot1", 0x1f1), ("brl_dot2", 0x1f2), ("brl_dot3", 0x1f3), ("brl_dot4", 0x1f4), ("brl_dot5", 0x1f5),
    ("brl_dot6", 0x1f6), ("brl_dot7", 0x1f7), ("brl_dot8", 0x1f8), ("brl_dot9", 0x1f9), ("brl_dot10", 0x1fa),
    ("numeric_0", 0x200), ("numeric_1", 0x201), ("numeric_2", 0x202), ("numeric_3", 0x203), ("numeric_4", 0x204),
    ("numeric_5", 0x205), ("numeric_6", 0x206), ("numeric_7", 0x207), ("numeric_8", 0x208), ("numeric_9", 0x209),
    ("numeric_star", 0x20a), ("numeric_pound", 0x20b), ("numeric_a", 0x20c), ("numeric_b", 0x20d),
    ("numeric_c", 0x20e), ("numeric_d", 0x20f), ("camera_focus", 0x210), ("wps_button", 0x211),
    ("touchpad_toggle", 0x212), ("touchpad_on", 0x213), ("touchpad_off", 0x214), ("camera_zoomin", 0x215),
    ("camera_zoomout", 0x216), ("camera_up", 0x217), ("camera_down", 0x218), ("camera_left", 0x219),
    ("camera_right", 0x21a), ("attendant_on", 0x21b), ("attendant_off", 0x21c), ("attendant_toggle", 0x21d),
    ("lights_toggle", 0x21e), ("btn_dpad_up", 0x220), ("btn_dpad_down", 0x221), ("btn_dpad_left", 0x222),
    ("btn_dpad_right", 0x223), ("als_toggle", 0x230), ("rotate_lock_toggle", 0x231), ("refresh_rate_toggle", 0x232),
    ("buttonconfig", 0x240), ("taskmanager", 0x241), ("journal", 0x242), ("controlpanel", 0x243),
    ("appselect", 0x244), ("screensaver", 0x245), ("voicecommand", 0x246), ("assistant", 0x247),
    ("kbd_layout_next", 0x248), ("emoji_picker", 0x249), ("dictate", 0x24a), ("brightness_min", 0x250),
    ("kbdinputassist_prev", 0x260), ("kbdinputassist_next", 0x261), ("kbdinputassist_prevgroup", 0x262),
    ("kbdinputassist_nextgroup", 0x263), ("kbdinputassist_accept", 0x264), ("kbdinputassist_cancel", 0x265),
    ("right_up", 0x266), ("right_down", 0x267), ("left_up", 0x268), ("left_down", 0x269), ("root_menu", 0x26a),
    ("media_top_menu", 0x26b), ("numeric_11", 0x26c), ("numeric_12", 0x26d), ("audio_desc", 0x26e),
    ("3d_mode", 0x26f), ("next_favorite", 0x270), ("stop_record", 0x271), ("pause_record", 0x272), ("vod", 0x273),
    ("unmute", 0x274), ("fastreverse", 0x275), ("slowreverse", 0x276), ("data", 0x277), ("onscreen_keyboard", 0x278),
    ("privacy_screen_toggle", 0x279), ("selective_screenshot", 0x27a), ("next_element", 0x27b),
    ("previous_element", 0x27c), ("autopilot_engage_toggle", 0x27d), ("mark_waypoint", 0x27e), ("sos", 0x27f),
    ("nav_chart", 0x280), ("fishing_chart", 0x281), ("single_range_radar", 0x282), ("dual_range_radar", 0x283),
    ("radar_overlay", 0x284), ("traditional_sonar", 0x285), ("clearvu_sonar", 0x286), ("sidevu_sonar", 0x287),
    ("nav_info", 0x288), ("brightness_menu", 0x289), ("macro1", 0x290), ("macro2", 0x291), ("macro3", 0x292),
    ("macro4", 0x293), ("macro5", 0x294), ("macro6", 0x295), ("macro7", 0x296), ("macro8", 0x297), ("macro9", 0x298),
    ("macro10", 0x299), ("macro11", 0x29a), ("macro12", 0x29b), ("macro13", 0x29c), ("macro14", 0x29d),
    ("macro15", 0x29e), ("macro16", 0x29f), ("macro17", 0x2a0), ("macro18", 0x2a1), ("macro19", 0x2a2),
    ("macro20", 0x2a3), ("macro21", 0x2a4), ("macro22", 0x2a5), ("macro23", 0x2a6), ("macro24", 0x2a7),
    ("macro25", 0x2a8), ("macro26", 0x2a9), ("macro27", 0x2aa), ("macro28", 0x2ab), ("macro29", 0x2ac),
    ("macro30", 0x2ad), ("macro_record_start", 0x2b0), ("macro_record_stop", 0x2b1), ("macro_preset_cycle", 0x2b2),
    ("macro_preset1", 0x2b3), ("macro_preset2", 0x2b4), ("macro_preset3", 0x2b5), ("kbd_lcd_menu1", 0x2b8),
    ("kbd_lcd_menu2", 0x2b9), ("kbd_lcd_menu3", 0x2ba), ("kbd_lcd_menu4", 0x2bb), ("kbd_lcd_menu5", 0x2bc),
    ("btn_trigger_happy", 0x2c0), ("btn_trigger_happy1", 0x2c0), ("btn_trigger_happy2", 0x2c1),
    ("btn_trigger_happy3", 0x2c2), ("btn_trigger_happy4", 0x2c3), ("btn_trigger_happy5", 0x2c4),
    ("btn_trigger_happy6", 0x2c5), ("btn_trigger_happy7", 0x2c6), ("btn_trigger_happy8", 0x2c7),
    ("btn_trigger_happy9", 0x2c8), ("btn_trigger_happy10", 0x2c9), ("btn_trigger_happy11", 0x2ca),
    ("btn_trigger_happy12", 0x2cb), ("btn_trigger_happy13", 0x2cc), ("btn_trigger_happy14", 0x2cd),
    ("btn_trigger_happy15", 0x2ce), ("btn_trigger_happy16", 0x2cf), ("btn_trigger_happy17", 0x2d0),
    ("btn_trigger_happy18", 0x2d1), ("btn_trigger_happy19", 0x2d2), ("btn_trigger_happy20", 0x2d3),
    ("btn_trigger_happy21", 0x2d4), ("btn_trigger_happy22", 0x2d5), ("btn_trigger_happy23", 0x2d6),
    ("btn_trigger_happy24", 0x2d7), ("btn_trigger_happy25", 0x2d8), ("btn_trigger_happy26", 0x2d9),
    ("btn_trigger_happy27", 0x2da), ("btn_trigger_happy28", 0x2db), ("btn_trigger_happy29", 0x2dc),
    ("btn_trigger_happy30", 0x2dd), ("btn_trigger_happy31", 0x2de), ("btn_trigger_happy32", 0x2df),
    ("btn_trigger_happy33", 0x2e0), ("btn_trigger_happy34", 0x2e1), ("btn_trigger_happy35", 0x2e2),
    ("btn_trigger_happy36", 0x2e3), ("btn_trigger_happy37", 0x2e4), ("btn_trigger_happy38", 0x2e5),
    ("btn_trigger_happy39", 0x2e6), ("btn_trigger_happy40", 0x2e7),
];
#[rustfmt::skip]
const RELATIVE: &[(&str, u16)] = &[
    ("x", 0x0), ("y", 0x1), ("z", 0x2), ("rx", 0x3), ("ry", 0x4), ("rz", 0x5), ("hwheel", 0x6), ("dial", 0x7),
    ("wheel", 0x8), ("misc", 0x9), ("wheel_hi_res", 0xb), ("hwheel_hi_res", 0xc),
];
#[rustfmt::skip]
const ABSOLUTE: &[(&str, u16)] = &[
    ("x", 0x0), ("y", 0x1), ("z", 0x2), ("rx", 0x3), ("ry", 0x4), ("rz", 0x5), ("throttle", 0x6), ("rudder", 0x7),
    ("wheel", 0x8), ("gas", 0x9), ("brake", 0xa), ("hat0x", 0x10), ("hat0y", 0x11), ("hat1x", 0x12), ("hat1y", 0x13),
    ("hat2x", 0x14), ("hat2y", 0x15), ("hat3x", 0x16), ("hat3y", 0x17), ("pressure", 0x18), ("distance", 0x19),
    ("tilt_x", 0x1a), ("tilt_y", 0x1b), ("tool_width", 0x1c), ("volume", 0x20), ("profile", 0x21), ("misc", 0x28),
    ("mt_slot", 0x2f), ("mt_touch_major", 0x30), ("mt_touch_minor", 0x31), ("mt_width_major", 0x32),
    ("mt_width_minor", 0x33), ("mt_orientation", 0x34), ("mt_position_x", 0x35), ("mt_position_y", 0x36),
    ("mt_tool_type", 0x37), ("mt_blob_id", 0x38), ("mt_tracking_id", 0x39), ("mt_pressure", 0x3a),
    ("mt_distance", 0x3b), ("mt_tool_x", 0x3c), ("mt_tool_y", 0x3d),
];
#[rustfmt::skip]
const MISC: &[(&str, u16)] = &[
    ("serial", 0x0), ("pulseled", 0x1), ("gesture", 0x2), ("raw", 0x3), ("scan", 0x4), ("timestamp", 0x5),
];
#[rustfmt::skip]
const SWITCHES: &[(&str, u16)] = &[
    ("lid", 0x0), ("tablet_mode", 0x1), ("headphone_insert", 0x2), ("rfkill_all", 0x3), ("radio", 0x3),
    ("microphone_insert", 0x4), ("dock", 0x5), ("lineout_insert", 0x6), ("jack_physical_insert", 0x7),
    ("videoout_insert", 0x8), ("camera_lens_cover", 0x9), ("keypad_slide", 0xa), ("front_proximity", 0xb),
    ("rotate_lock", 0xc), ("linein_insert", 0xd), ("mute_device", 0xe), ("pen_inserted", 0xf),
    ("machine_cover", 0x10),
];
#[rustfmt::skip]
const LEDS: &[(&str, u16)] = &[
    ("numl", 0x0), ("capsl", 0x1), ("scrolll", 0x2), ("compose", 0x3), ("kana", 0x4), ("sleep", 0x5),
    ("suspend", 0x6), ("mute", 0x7), ("misc", 0x8), ("mail", 0x9), ("charging", 0xa),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_by_name_and_by_number() {
        assert_eq!(code(ev::KEY, "a"), Some(30));
        assert_eq!(code(ev::KEY, "KEY_A"), Some(30));
        assert_eq!(code(ev::KEY, "1"), Some(2), "the key, not the code");
        assert_eq!(code(ev::KEY, "0x1e"), Some(30));
        assert_eq!(code(ev::KEY, "btn_left"), Some(0x110));
        assert_eq!(code(ev::REL, "wheel"), Some(8));
        assert_eq!(code(ev::ABS, "2"), Some(2));
        assert_eq!((code(ev::KEY, "nothing"), code(ev::ABS, "99999")), (None, None));
        assert_eq!((name(ev::KEY, 30), name(ev::KEY, 0x2ff)), ("a".to_owned(), "0x2ff".to_owned()));
    }
}
