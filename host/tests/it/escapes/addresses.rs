//! Addresses that no plugin should reach, in every way of writing them.

use serde_json::json;

use super::Setting::{Private, Public};
use super::{Row, Setting, row};

fn public(id: &'static str, host: &'static str, origin: &'static str) -> Row {
    let came = "not dialled: it is not a public address, and `private-network` does not name it";
    reach(id, host, came, Public(origin), "private-network = [")
}

fn never(id: &'static str, host: &'static str, origin: &'static str) -> Row {
    let came = "not dialled, not even with `private-network = true`";
    let sign = "which no plugin may reach: no grant can help";
    reach(id, host, came, Private(origin), sign)
}

fn reach(
    id: &'static str,
    host: &'static str,
    came: &'static str,
    setting: Setting,
    sign: &'static str,
) -> Row {
    let payload = json!({"do": "send", "method": "GET", "authority": host, "path": "/x"});
    row(id, host, came, setting, payload, sign)
}

pub fn rows() -> Vec<Row> {
    let mut rows = vec![
        public("A01", "127.0.0.1", "http://127.0.0.1"),
        public("A02", "2130706433", "http://2130706433"),
        public("A03", "0177.0.0.1", "http://0177.0.0.1"),
        public("A04", "0x7f.0.0.1", "http://0x7f.0.0.1"),
        public("A05", "0x7f000001", "http://0x7f000001"),
        public("A06", "127.1", "http://127.1"),
        public("A07", "localhost", "http://localhost"),
        public("A08", "localhost.", "http://localhost"),
        public("A09", "LOCALHOST", "http://localhost"),
        public("A10", "127.0.0.1.", "http://127.0.0.1"),
        public("A11", "[::1]", "http://[::1]"),
        public("A12", "[0:0:0:0:0:0:0:1]", "http://[::1]"),
        public("A13", "[::ffff:127.0.0.1]", "http://[::ffff:127.0.0.1]"),
        public("A14", "[::ffff:7f00:1]", "http://[::ffff:7f00:1]"),
        public("A15", "[64:ff9b::7f00:1]", "http://[64:ff9b::7f00:1]"),
        public("A16", "[2002:7f00:1::]", "http://[2002:7f00:1::]"),
        public("A17", "10.0.0.1", "http://10.0.0.1"),
        public("A18", "172.16.0.1", "http://172.16.0.1"),
        public("A19", "192.168.1.1", "http://192.168.1.1"),
        public("A20", "100.64.0.1", "http://100.64.0.1"),
        public("A21", "[fd00::1]", "http://[fd00::1]"),
        never("A22", "169.254.169.254", "http://169.254.169.254"),
        never("A23", "2852039166", "http://2852039166"),
        never("A24", "0xa9.0xfe.0xa9.0xfe", "http://0xa9.0xfe.0xa9.0xfe"),
        never(
            "A25",
            "[::ffff:169.254.169.254]",
            "http://[::ffff:169.254.169.254]",
        ),
        never("A26", "[64:ff9b::a9fe:a9fe]", "http://[64:ff9b::a9fe:a9fe]"),
        never("A27", "[fd00:ec2::254]", "http://[fd00:ec2::254]"),
        never("A28", "100.100.100.200", "http://100.100.100.200"),
        never("A29", "0.0.0.0", "http://0.0.0.0"),
        never("A30", "224.0.0.1", "http://224.0.0.1"),
        never("A31", "255.255.255.255", "http://255.255.255.255"),
        never("A32", "[fe80::1]", "http://[fe80::1]"),
        never("A33", "[ff02::1]", "http://[ff02::1]"),
        never("A34", "[::]", "http://[::]"),
    ];
    // Whether a name with a dot at its end has an address is the machine's business.
    for row in &mut rows {
        if row.id == "A08" {
            row.sign = "refused: ErrorCode::D";
        }
    }
    rows
}
