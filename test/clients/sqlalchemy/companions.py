"""For env.py of Alembic: models that name one column in their keys, where tenant_guard.companion_keys is 'all'."""


def include_object(object, name, type_, reflected, compare_to):
    return not (reflected and compare_to is None and (
        type_ == 'foreign_key_constraint' and name.endswith('_and_tenant') or
        type_ == 'index' and name.endswith('_tenant_id_id_idx')))
