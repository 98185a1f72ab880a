"""Dashboards show: Streamlit pages over the API."""
