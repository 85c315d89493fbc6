"""The kinds of input that come with drivetrain, a package each; `drivetrain.runtime.kinds` is the table of them."""
