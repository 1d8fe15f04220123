"""Operations on the service itself. Anyone may call them."""
