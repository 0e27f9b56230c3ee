# SPDX-License-Identifier: MIT
"""A shop on Flask and SQLAlchemy with a session leak planted in its own code.

Each visit opens a CartSession, which owns a SQLAlchemy session. It is closed at the end of the
request, as it should be; but AUDIT, meant to hold the open ones, never hears of that.
"""

from __future__ import annotations

from flask import Flask, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    """The tables of the shop."""


class Product(Base):
    __tablename__ = "product"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    cents: Mapped[int]


class Order(Base):
    __tablename__ = "purchase"
    id: Mapped[int] = mapped_column(primary_key=True)
    visitor: Mapped[str]
    product_id: Mapped[int]


class CartSession:
    """One visit: the visitor's name and a session with the database."""

    def __init__(self, engine: Engine, visitor: str) -> None:
        self.visitor = visitor
        self.database = Session(engine)
        AUDIT.opened(self)

    def close(self) -> None:
        self.database.close()


class Audit:
    """Who is shopping right now."""

    def __init__(self) -> None:
        self.sessions: list[CartSession] = []

    def opened(self, session: CartSession) -> None:
        self.sessions.append(session)  # the leak: nothing ever takes it out again


AUDIT = Audit()


def fill(engine: Engine) -> None:
    """Create the tables and ten products."""
    Base.metadata.create_all(engine)
    with Session(engine) as database:
        database.add_all(Product(name=f"product {n}", cents=100 * n) for n in range(1, 11))
        database.commit()


def create_app(path: str) -> Flask:
    """The application on a SQLite file."""
    app = Flask(__name__)
    engine = create_engine(f"sqlite:///{path}")
    fill(engine)

    @app.get("/products")
    def products() -> ResponseReturnValue:
        cart = CartSession(engine, request.args.get("visitor", "nobody"))
        try:
            rows = cart.database.scalars(select(Product).order_by(Product.id)).all()
            return {"products": [{"name": row.name, "cents": row.cents} for row in rows]}
        finally:
            cart.close()

    @app.post("/orders")
    def orders() -> ResponseReturnValue:
        cart = CartSession(engine, request.args.get("visitor", "nobody"))
        try:
            cart.database.add(Order(visitor=cart.visitor, product_id=int(request.args["product"])))
            cart.database.commit()
            return {"ordered": request.args["product"]}, 201
        finally:
            cart.close()

    return app
