"""Every loss is one small `Term`: adversarial losses and penalties, written as in their papers."""
