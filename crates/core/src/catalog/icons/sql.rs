//! Whose layer a picture is.

pub(super) const OWN_ICON: &str = "SELECT b.size FROM artifact a JOIN blob b ON b.digest = a.icon
    WHERE a.own_icon AND a.icon = $1 AND NOT b.lost LIMIT 1";
