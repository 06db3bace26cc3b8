//! A network in virtual time for testing ICE, sans-IO and seeded
