"""Value in, bytes out: what the buyer prints or opens."""
