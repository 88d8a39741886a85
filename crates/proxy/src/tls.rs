//! TLS set-up: one crypto provider for the process, and a configuration for those who never use it.

use rustls::{ClientConfig, RootCertStore};

/// Makes `ring` the provider of this process. Calling it again does nothing.
pub(crate) fn install_provider() {
    // An error only says that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A configuration that trusts nobody: for clients that speak plain HTTP only.
pub(crate) fn without_roots() -> ClientConfig {
    install_provider();
    ClientConfig::builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth()
}
