"""A canvas to draw a digit with the mouse, whose picture comes back into the notebook."""

import base64
import io

import numpy as np
from PIL import Image

from ..display.once import ShownOnce, in_notebook

_FIND = "const b=this.closest('.nndl-draw'),c=b.querySelector('canvas'),x=c.getContext('2d');"
_POINT = "const q=c.getBoundingClientRect(),u=event.clientX-q.left,v=event.clientY-q.top;"
_CANVAS = """<div class="nndl-draw" style="background:white;color:#222;padding:6px;width:240px">
<canvas width="224" height="224" style="border:1px solid #555;background:white;touch-action:none;cursor:crosshair"
 onpointerdown="{find}{point}c.setPointerCapture(event.pointerId);x.lineWidth=18;x.lineCap=x.lineJoin='round';x.beginPath();x.moveTo(u,v);x.lineTo(u,v+.1);x.stroke();c.on=1"
 onpointermove="{find}{point}if(c.on){{x.lineTo(u,v);x.stroke()}}"
 onpointerup="{find}c.on=0;{send}"></canvas><div>
<button type="button" style="{look}" onclick="{find}x.clearRect(0,0,224,224);{send}">clear</button>
<button type="button" style="{look}" onclick="{find}{flat}a.href=k.toDataURL();a.download='my_digit.png';a.click()">save as my_digit.png</button>
</div></div>"""  # noqa: E501
_LOOK = "color:#222;background:#f2f2f2;border:1px solid #999;border-radius:4px;margin-right:6px"
# The canvas is transparent where nothing is drawn: copy it onto white before it leaves.
_FLAT = (
    "const k=document.createElement('canvas'),a=document.createElement('a');k.width=k.height=224;"
    "const y=k.getContext('2d');y.fillStyle='white';y.fillRect(0,0,224,224);y.drawImage(c,0,0);"
)


class Drawing(ShownOnce):
    """A canvas to draw a digit on with the mouse, pen or finger.

    Where the front end has widgets the drawing comes back by itself, `drawing.image()`;
    elsewhere save it with the button, and load the file.
    """

    _count = 0

    def __init__(self):
        self._text = None
        try:
            import ipywidgets
        except ImportError:
            return
        Drawing._count += 1
        self._name = f"nndl-drawing-{Drawing._count}"
        self._text = ipywidgets.Text(layout={"display": "none"})
        self._text.add_class(self._name)

    def _repr_html_(self):
        send = ""
        if self._text is not None:
            send = (
                f"{{{_FLAT}const t=document.querySelector('.{self._name} input');"
                "if(t){t.value=k.toDataURL();for(const n of ['input','change'])"
                "t.dispatchEvent(new Event(n,{bubbles:true}))}}"
            )
        return _CANVAS.format(find=_FIND, point=_POINT, send=send, flat=_FLAT, look=_LOOK)

    def _publish(self):
        from IPython.display import publish_display_data

        if self._text is not None:  # the invisible text that carries the drawing to the kernel
            bundle = self._text._repr_mimebundle_()
            bundle = dict(bundle[0] if isinstance(bundle, tuple) else bundle)
            publish_display_data({**bundle, "text/html": "<!-- -->", "text/plain": ""})
        publish_display_data({"text/html": self._repr_html_(), "text/plain": "A canvas to draw on"})

    def image(self):
        """The drawing as uint8 [224, 224], dark on white.

        Raises
        ------
        RuntimeError
            Nothing was drawn, or this front end sends nothing back.
        """
        data = self._text.value if self._text is not None else ""
        if not data.startswith("data:image/png;base64,"):
            raise RuntimeError(
                "no drawing has arrived: draw a digit first; if you did, this front end cannot "
                "send it back: press 'save as my_digit.png' and pass that name to preprocess_digit"
            )
        png = base64.b64decode(data.split(",", 1)[1])
        return np.asarray(Image.open(io.BytesIO(png)).convert("L"))


def draw_digit():
    """Show a canvas to draw a digit on.

    Returns
    -------
    Drawing
        In a later cell, `preprocess_digit(drawing.image())`.
    """
    drawing = Drawing()
    if not in_notebook():
        print("A canvas needs a notebook; pass a picture's file name to preprocess_digit instead.")
        return drawing
    if drawing._text is None:
        print("Without the package ipywidgets: save the drawing and load it as 'my_digit.png'.")
    drawing._ipython_display_()
    return drawing
