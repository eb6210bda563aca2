"""One of libavfilter's filters, for pictures of one size and format."""

from fractions import Fraction

import av
from av.filter import Graph

_THREADS = 2


def graph(like: av.VideoFrame, name: str, **options: str) -> Graph:
    """A graph that sends pictures like that one through a filter: `vpush` them, `vpull` them."""
    made = Graph()
    made.threads = _THREADS
    source = made.add_buffer(
        width=like.width,
        height=like.height,
        format=like.format,
        time_base=Fraction(1, 1000),  # times are kept outside
    )
    made.link_nodes(source, made.add(name, **options), made.add("buffersink")).configure()
    return made
