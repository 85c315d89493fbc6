"""From a table to an estimate with its covariance."""
