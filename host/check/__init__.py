"""Is a bundle right, what does it cost, and is all installed that it takes?"""
