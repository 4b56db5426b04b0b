"""The back office: the pages where finance staff work.

How another module puts a page into it:

- A page of rows: subclass `paytrust.staff.pages.ReadOnlyAdmin` in the app's own admin.py and
  register it with `@admin.register(Model)`; the default site is `site.BackOfficeSite`. Pages that
  need data of an app above the model's own live in this package and are registered in
  `reporting/admin.py`. Name index-backed lookups in `exact_search`; join with
  `list_select_related`; filter by columns that have an index.
- A page without a model: a view in `site.BackOfficeSite.get_urls`, wrapped in
  `self.admin_view(...)`, its context starting from `{**admin.site.each_context(request)}`, its
  template extending "admin/base_site.html".
- The menu: an entry in `navigation.sections`.
- A role: `@roles.requires(roles.OPERATE)` or `roles.ADMINISTER` of `paytrust.staff.roles` on a
  view, `roles.may_operate(request)` in an admin's `has_..._permission`. Models that staff may see
  give `view_<model>`; a migration adds it to the groups (see 0003_roles).
- Amounts and moments: `display.money(amount, currency)` and `display.moment(when)` of
  `paytrust.staff`, or the filters of `{% load staff %}`.
- Texts: `gettext_lazy` in code, `{% translate %}` in templates. No inline script and no `style=`:
  the policy forbids it; behaviour goes into static/staff/staff.js, looks into staff.css.
"""
