"""One page each: read through `data`, draw with `charts` and Streamlit, decide nothing."""
