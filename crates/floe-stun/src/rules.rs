//! What RFC 8489 asks of who receives a message, beyond its wire format.

mod client;
mod server;

pub use client::{
    AfterError, Answer, BadResponse, SERVER_ERROR_RETRIES, SentIntegrity, after_error, check_response,
    mapped_address, read_response, write_credentials,
};
pub use server::{Rejection, check_request, check_understood, write_error, write_success};
