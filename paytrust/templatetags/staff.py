"""Template filters of the pages for staff: `{% load staff %}`."""

from django import template

from paytrust.staff import display

register = template.Library()
register.filter("money", display.money)
register.filter("quantity", display.quantity)
register.filter("moment", display.moment)
