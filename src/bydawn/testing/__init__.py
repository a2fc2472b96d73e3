"""What users test with: contracts, fakes, simulation."""
