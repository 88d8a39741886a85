//! Builders shared by the workspace tests.
