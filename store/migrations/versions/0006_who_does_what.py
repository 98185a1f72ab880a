"""who does what: terms of agents, policies, circuits, labels"""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('categories',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_categories'))
    )
    op.create_table('categorizers',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=False),
    sa.Column('sha256', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('labels', sa.BigInteger(), nullable=False),
    sa.Column('card', sa.Text(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('trained_at', sa.BigInteger(), nullable=False),
    sa.Column('promoted_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_categorizers'))
    )
    with op.batch_alter_table('categorizers', schema=None) as batch_op:
        batch_op.create_index('ix_categorizers_number', ['number'], unique=True)

    op.create_table('policies',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=False),
    sa.Column('definition', sa.Text(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_policies'))
    )
    with op.batch_alter_table('policies', schema=None) as batch_op:
        batch_op.create_index('ix_policies_number', ['number'], unique=True)

    op.create_table('labels',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('task_id', sa.Text(), nullable=True),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('category', sa.Text(), nullable=False),
    sa.Column('secondary', sa.Text(), nullable=False),
    sa.Column('guess', sa.Text(), nullable=True),
    sa.Column('author', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['task_id'], ['tasks.id'], name=op.f('fk_labels_task_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_labels'))
    )
    with op.batch_alter_table('labels', schema=None) as batch_op:
        batch_op.create_index('ix_labels_at', ['at'], unique=False)
        batch_op.create_index('ix_labels_task_id', ['task_id'], unique=False)

    op.create_table('circuits',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('agent_id', sa.Text(), nullable=False),
    sa.Column('category', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('failures', sa.BigInteger(), nullable=False),
    sa.Column('trips', sa.BigInteger(), nullable=False),
    sa.Column('probe_at', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['agent_id'], ['agents.id'], name=op.f('fk_circuits_agent_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_circuits'))
    )
    op.create_table('preferences',
    sa.Column('id', sa.Text(), nullable=False),
    sa.Column('client', sa.Text(), nullable=False),
    sa.Column('agent_id', sa.Text(), nullable=False),
    sa.Column('stance', sa.Text(), nullable=False),
    sa.Column('why', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['agent_id'], ['agents.id'], name=op.f('fk_preferences_agent_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_preferences'))
    )
    with op.batch_alter_table('preferences', schema=None) as batch_op:
        batch_op.create_index('ix_preferences_client', ['client'], unique=False)

    with op.batch_alter_table('agents', schema=None) as batch_op:
        batch_op.add_column(sa.Column('user_id', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('calendar', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('zone', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('languages', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('clearance', sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column('input_cents', sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column('output_cents', sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column('budget', sa.Text(), nullable=True))

    with op.batch_alter_table('attempts', schema=None) as batch_op:
        batch_op.add_column(sa.Column('tokens_in', sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column('tokens_out', sa.BigInteger(), nullable=True))

    with op.batch_alter_table('decisions', schema=None) as batch_op:
        batch_op.add_column(sa.Column('flips', sa.Text(), nullable=True))

    with op.batch_alter_table('tasks', schema=None) as batch_op:
        batch_op.add_column(sa.Column('secondary', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('language', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('clearance', sa.BigInteger(), nullable=True))
        batch_op.drop_index('ix_tasks_queue')
        batch_op.create_index(
            'ix_tasks_queue',
            ['state', 'category', 'kind', 'wanted_agent', 'currency', 'clearance', 'language', 'queue_key', 'client'],
            unique=False,
        )
