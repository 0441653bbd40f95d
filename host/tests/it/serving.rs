//! How the real binary takes connections: TLS with HTTP/2, and a socket that was handed over.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reqwest::{Certificate, Client, Version};

/// A server; it ends with the test.
struct Served {
    child: Child,
    /// As it prints it.
    url: String,
}

impl Served {
    fn start(dir: &Path, command: &mut Command) -> Self {
        std::fs::write(dir.join("plugins.toml"), "").expect("plugins.toml");
        let mut child = command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOOKYARD_LISTEN", "127.0.0.1:0")
            .env("HOOKYARD_DATA_DIR", dir.join("data"))
            .env("HOOKYARD_LOG", "warn")
            .current_dir(dir)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let url = lines
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("listening on ")?.1.trim().to_owned()));
        Self {
            url: url.expect("hookyard ended before it listened"),
            child,
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn trusting(pem: &str) -> reqwest::ClientBuilder {
    // Fails when another test of this process was first; then that provider serves.
    let _first = rustls::crypto::ring::default_provider().install_default();
    let root = Certificate::from_pem(pem.as_bytes()).expect("PEM");
    Client::builder().no_proxy().tls_certs_only([root])
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_certificate_it_speaks_tls_and_both_versions_of_http() {
    let dir = tempfile::tempdir().expect("a directory");
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookyard"));
    command
        .arg("serve")
        .arg("--tls-cert")
        .arg(&cert)
        .arg("--tls-key")
        .arg(&key);
    let server = Served::start(dir.path(), &mut command);
    assert!(server.url.starts_with("https://"), "{}", server.url);
    let health = format!("{}/healthz", server.url);
    let client = trusting(&made.cert.pem()).build().expect("a client");
    let answer = client.get(&health).send().await.expect("an answer");
    assert_eq!(
        (answer.status().as_u16(), answer.version()),
        (200, Version::HTTP_2)
    );
    let old = trusting(&made.cert.pem()).http1_only().build().expect("a client");
    let answer = old.get(&health).send().await.expect("an answer");
    assert_eq!(
        (answer.status().as_u16(), answer.version()),
        (200, Version::HTTP_11)
    );
    // Nobody is answered in clear.
    let clear = health.replace("https://", "http://");
    assert!(client.get(&clear).send().await.is_err());
    // Many at the same time over one connection.
    let asked = (0..200).map(|_| client.get(&health).send());
    for answer in futures_util::future::join_all(asked).await {
        assert_eq!(answer.expect("an answer").status(), 200);
    }
}

#[test]
fn a_key_that_is_not_the_certificates_stops_the_start() {
    let yard = crate::support::command::hookyard("");
    let [one, other] = ["a.test", "b.test"]
        .map(|name| rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate"));
    std::fs::write(yard.path().join("c.pem"), one.cert.pem()).expect("written");
    std::fs::write(yard.path().join("k.pem"), other.signing_key.serialize_pem()).expect("written");
    let args = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--tls-cert",
        "c.pem",
        "--tls-key",
        "k.pem",
    ];
    let ran = yard.run(&args);
    assert!(
        ran.status == 1 && ran.err.contains("cannot be used together"),
        "{}",
        ran.err
    );
}

/// As systemd does: the socket is descriptor 3, and stays open over restarts.
#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_is_handed_over_is_served_by_one_process_after_the_other() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("bound");

    let client = crate::support::pipeline::client();
    for _ in 0..2 {
        let handed: OwnedFd = socket.try_clone().expect("another handle").into();
        let mut command = Command::new("sh");
        command
            .args(["-c", "export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$0\" serve 3<&0"])
            .arg(env!("CARGO_BIN_EXE_hookyard"))
            .stdin(Stdio::from(handed));
        let server = Served::start(dir.path(), &mut command);
        assert_eq!(server.url, format!("http://{address}"));
        let answer = client.get(format!("http://{address}/readyz")).send().await;
        assert_eq!(answer.expect("an answer").status(), 200);
    }
}
