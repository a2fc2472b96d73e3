"""Named leases as a tool, and writing under one."""
