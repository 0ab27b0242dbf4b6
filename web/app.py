"""The page itself: `python -m streamlit run web/app.py`, from the top of the checkout.

It sends photos to the server that `PORTRAIT_SERVER` names (default http://127.0.0.1:8080).
"""

from pathlib import Path

import streamlit as st

from web.controls import choose_options
from web.photos import gather_photos
from web.portraits import show_portraits

HERE = Path(__file__).parent


def main() -> None:
    """Draw the page from top to bottom, as Streamlit does at every change of a control."""
    st.set_page_config(page_title="Portrait", page_icon=str(HERE / "icon.svg"), layout="wide")
    st.html(HERE / "page.css")
    st.title("Portrait", anchor=False)
    st.markdown("A photo of a person in, a line drawing out.")
    controls, portraits = st.columns([1, 2], gap="large")
    with controls:
        photos = gather_photos()
        options = choose_options()
    with portraits, st.container(key="portraits"):
        show_portraits(photos, options)


if __name__ == "__main__":
    main()
